"""Which numbers may be called back.

Who asks for a callback chooses whom we call, at our cost: this is how numbers are milked whose owners earn by being
called. So everything is forbidden that is not the ordinary number of somebody in a country that the site calls.
"""

from collections.abc import Iterable

from msgspec import Struct

from edge.core.routing.numbers import e164, place_of


class Rules(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Countries are ISO 3166-1 alpha-2, prefixes the beginnings of numbers in E.164 (`+49`)."""

    #: Of numbers from trunks that have no country.
    country: str = ""
    #: Countries that may be called beside the one of the call's trunk.
    countries: list[str] = []
    #: Prefixes that may be called wherever they are.
    allowed: list[str] = []
    #: Prefixes that may not be. Where an allowed one is longer, that one counts.
    forbidden: list[str] = []

    def number(self, text: str, country: str) -> str:
        """Return a number as it was typed, or shown by a trunk of `country`, in E.164; "" when it is none."""
        return e164(text, country or self.country)

    def allows(self, number: str, country: str) -> bool:
        """Say whether a number in E.164 may be called for a caller of a trunk of `country`.

        Numbers that are not people's (premium and shared cost, personal, toll-free, of a kind that is not known) never
        may, whatever is allowed: `+49` must not let `+49900` in.
        """
        where, ordinary = place_of(number)
        return self.permits(number, where, country, ordinary=ordinary)

    def permits(self, number: str, where: str, country: str = "", *, ordinary: bool) -> bool:
        """Say what `allows` does of a number whose country (`where`) and kind are known already."""
        if not ordinary:
            return False
        allowed, forbidden = _longest(number, self.allowed), _longest(number, self.forbidden)
        if forbidden and forbidden >= allowed:
            return False
        return bool(allowed) or (bool(where) and where in {country or self.country, *self.countries})


def _longest(number: str, prefixes: Iterable[str]) -> int:
    return max((len(prefix) for prefix in prefixes if prefix and number.startswith(prefix)), default=0)
