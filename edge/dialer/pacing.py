"""How many calls a campaign with agents begins now: what is seen of them, put before the core of pacing."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from edge.core.dialer.ages import Ages
from edge.core.dialer.campaign import Settings
from edge.core.dialer.pacing import (
    RINGING_CELLS,
    TALKING_CELLS,
    WRAP_UP_CELLS,
    Decision,
    Observation,
    PacingState,
    PacingTerms,
    decide,
)
from edge.core.dialer.ruleset import AbandonmentRule
from edge.dialer.under import FOUND, Under
from edge.storage.campaigns.words import Attempt
from edge.vocabulary.dialing import Disposition

#: Dispositions of calls that a person has answered.
LIVE: frozenset[Disposition] = frozenset({"connected", "abandoned"})


class Pace:
    """What a campaign has learnt, and its decision. `now_ms` never jumps; the ledger's moments are of the wall."""

    def __init__(self, settings: Settings, rule: AbandonmentRule) -> None:
        most = min(rule.ceiling_per_mille, round(settings.abandoned_most * 1000))
        self._state = PacingState(
            PacingTerms(
                pacing=settings.pacing,
                ratio=settings.ratio,
                rule=replace(rule, ceiling_per_mille=most),
                patience_ms=settings.abandoned_after_ms,
                ring_limit_ms=settings.ring_timeout_ms,
            )
        )
        self.last = Decision(0)

    def learn(self, attempts: Iterable[Attempt]) -> None:
        """Take the attempts of a former life, in order."""
        for attempt in attempts:
            if attempt.disposition is not None and attempt.ended_ms is not None and attempt.dialled_ms is not None:
                live = attempt.disposition in LIVE
                until_ms = attempt.answered_ms if live and attempt.answered_ms is not None else attempt.ended_ms
                self._state.attempt_ended(max(0, until_ms - attempt.dialled_ms), live=live)
                self._count(attempt.disposition, attempt.ended_ms)
                talked_ms, waited_ms = attempt.evidence.get("talked_ms"), attempt.evidence.get("waited_ms")
                if attempt.disposition == "connected" and isinstance(talked_ms, int) and talked_ms > 0:
                    self._state.talked(max(0, talked_ms - (waited_ms if isinstance(waited_ms, int) else 0)))

    def went_on(self, under: Under, now_ms: int, wall_ms: int, *, abandoned: bool) -> None:
        """Note how far an attempt has come; `abandoned`: nobody was there in time for the person who was found."""
        if under.state in FOUND and not under.found:
            under.found = True
            self._state.attempt_ended(now_ms - under.began_ms, live=True)
        served = under.state == "connected" and not abandoned
        if (served or abandoned) and not under.settled:
            under.settled = True
            self._count("connected" if served else "abandoned", wall_ms)

    def ended(self, under: Under, disposition: Disposition, now_ms: int, wall_ms: int) -> None:
        """Note what became of an attempt."""
        if under.state == "connected":
            self._state.talked(now_ms - under.since_ms)
        if not under.found:
            under.found = True
            self._state.attempt_ended(now_ms - under.began_ms, live=disposition in LIVE)
        if not under.settled:
            under.settled = True
            self._count(disposition, wall_ms)

    def saw_agents(self, before: Mapping[str, list[int]], now: Mapping[str, list[int]], now_ms: int) -> None:
        """Note whose work after a talk is over: agents are told of by state and since when, not by name."""
        worked, works = Counter(before.get("wrap_up", ())), Counter(now.get("wrap_up", ()))
        for since_ms in (worked - works).elements():
            self._state.wrapped_up(now_ms - since_ms)
        talked = Counter(before.get("talking", ())) - Counter(now.get("talking", ()))
        for _ in range(talked.total() - (works - worked).total()):
            self._state.wrapped_up(0)  # had none

    def _count(self, disposition: Disposition, wall_ms: int) -> None:
        if disposition == "connected":
            self._state.served(wall_ms)
        elif disposition == "abandoned":
            self._state.abandoned(wall_ms)

    def decide(
        self, room: int, mine: Iterable[Under], agents: Mapping[str, list[int]], now_ms: int, wall_ms: int
    ) -> int:
        """Tell how many calls begin now. `agents`: by state, since when each is so."""
        mine = list(mine)
        # Who has an agent who is being rung is neither without one nor leaves one ready.
        waiting = sum(one.state == "waiting" for one in mine) - len(agents.get("ringing", ()))
        without_person = [one.began_ms for one in mine if one.state not in FOUND]

        def ages(begins_ms: Iterable[int], cells: tuple[int, int]) -> Ages:
            return Ages.of(begins_ms, now_ms, cell_ms=cells[0], cells=cells[1])

        seen = Observation(
            ready=len(agents.get("ready", ())),
            talking=ages(agents.get("talking", ()), TALKING_CELLS),
            wrap_up=ages(agents.get("wrap_up", ()), WRAP_UP_CELLS),
            ringing=ages(without_person, RINGING_CELLS),
            waiting=max(waiting, 0),
            room=room,
        )
        self.last = decide(self._state, seen, wall_ms)
        return self.last.dial
