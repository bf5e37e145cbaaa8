"""What is heard in a talk besides those who talk: hold music and announcements."""

from collections.abc import Iterable

from edge.core.calls.announcing import Announcer
from edge.core.calls.effects import Effects
from edge.core.calls.guests import Guests
from edge.core.calls.holding import Holding
from edge.core.calls.leg import Leg
from edge.core.calls.transfer import Transfer
from edge.core.menus.model import Announcement
from edge.vocabulary.reports import PlayEnded


class TalkSounds:
    """Settled after each input from who talks then, so nothing that brings, holds or takes a leg has to think of it."""

    def __init__(self, effects: Effects) -> None:
        self._holding = Holding(effects)
        self._announcer = Announcer(effects)

    def settle(self, legs: Iterable[Leg], transfer: Transfer | None, guests: Guests) -> None:
        """`transfer`: the talk of the first leg; None: it talks with nobody."""
        talkers = [transfer.first, transfer.leg, *guests.talkers] if transfer is not None else []
        alone = _left_alone(talkers, guests) if len(talkers) == 2 else []
        alone += [leg for leg in talkers if leg.on_hold and leg not in alone]
        for leg in legs:
            if leg.on_hold and leg not in talkers:
                leg.put_on_hold(False)  # the talk that it was held in is over
        self._holding.settle(legs, alone, conference=len(talkers) > 2)
        said = transfer.dial.announcement if transfer is not None else None
        there = [leg for leg in talkers if not leg.held and not leg.on_hold]

        def hearers(one: Announcement) -> list[Leg]:
            wanted = {"caller": talkers[:1], "target": talkers[1:]}.get(one.to, talkers)
            return [leg for leg in wanted if leg in there]

        self._announcer.settle(said, hearers, talking=transfer is not None, interrupted=len(there) < 2)

    def played(self, report: PlayEnded) -> bool:
        """Take the end of a play; whether a sound of ours could not be read."""
        return self._holding.played(report) or self._announcer.played(report)

    def announce(self, wanted: Announcement) -> None:
        """Have something said in the talk."""
        self._announcer.ask(wanted)

    def elapsed(self) -> None:
        """Have the announcement come again, for it is time."""
        self._announcer.elapsed()


def _left_alone(two: list[Leg], guests: Guests) -> list[Leg]:
    """Who of two hears nobody, because the other one holds."""
    pairs = zip(two, two[::-1], strict=True)
    return [leg for leg, partner in pairs if partner.held and not leg.held and not guests.whispers_to(leg)]
