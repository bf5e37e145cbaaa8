"""What is said of a caller beyond the From header, on its way from one trunk through the call to another one."""

from msgspec import Struct

from edge.vocabulary.private import Private


class Identity(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who calls, by whom it was diverted, and what else is to reach the other side."""

    #: The caller's number was vouched for by the network (RFC 3325, Remote-Party-ID); else it is what From says.
    asserted: bool = False
    #: The caller does not want its number shown (RFC 3323).
    withheld: bool = False
    #: Numbers that the call was diverted from, the last one first (RFC 5806, RFC 7044).
    diverted_from: list[Private] = []
    #: Why the last of them diverted it: `user-busy`, `no-answer`, `unconditional`...; empty: not said.
    diversion_reason: str = ""
    #: Signature over caller and called number (RFC 8224), as it came.
    signature: Private = Private("")
    #: Headers that the trunk lists (`headers`), by the name that it lists.
    headers: dict[str, Private] = {}
