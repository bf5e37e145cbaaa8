"""A second leg for the caller."""

from typing import Literal

from msgspec import Struct

from edge.core.menus.parts import Announcement, NodeId, Sound
from edge.core.menus.visit import Visit, Way
from edge.core.menus.words import Dial, MenuInput, TransferEnded


class Transfer(Struct, frozen=True, tag="transfer", kw_only=True):
    """Dial a second leg and bridge it with the caller. Ends the menu when the bridged call ends."""

    #: SIP URI, or a number dialled on `trunk`. `${name}` in it is filled when it is dialled; a value that is missing,
    #: or has characters that mean something in a URI, is a failure.
    target: str
    trunk: str = ""
    #: `refer`: the caller is asked to go there by itself (REFER), and the call ends when it has.
    by: Literal["bridge", "refer"] = "bridge"
    ring_timeout_ms: int = 22000
    #: Played to the caller, for ever, while the target rings (early media of the target replaces it).
    ringing: list[Sound] = []
    #: Said while the two talk.
    announcement: Announcement | None = None
    #: By outcome (`busy`, `no_answer`, ...); anything else goes to `failed`.
    on_outcome: dict[str, NodeId] = {}
    failed: NodeId
    #: Where the caller goes when the target hangs up; empty: the call ends.
    after: NodeId = ""


class TransferVisit(Visit[Transfer]):
    """Over when the talk is, or when there was none. Keys go to whom the caller talks with."""

    keeps_keys = False
    state = "transfer"

    def enter(self) -> Way:
        """Dial."""
        node = self.node
        self.walk.ahead.clear()
        target = self.walk.values.fill_target(node.target, self.walk.now_ms)
        if target is None:
            return node.failed
        self.walk.do(
            Dial(
                target=target,
                trunk=node.trunk,
                ring_timeout_ms=node.ring_timeout_ms,
                ringing=self.walk.heard(node.ringing),
                announcement=node.announcement,
                by=node.by,
            )
        )
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Go on by what came of it."""
        if not isinstance(input, TransferEnded):
            return None
        if input.outcome:
            return self.node.on_outcome.get(input.outcome, self.node.failed)
        if self.node.after:
            return self.node.after
        self.walk.end("")
        return None
