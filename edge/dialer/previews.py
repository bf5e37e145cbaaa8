"""Previews: contacts that agents look at before they are called (`pacing = "preview"`).

A contact is leased for the agent first, then switch is asked to keep him for it; what died between the two is asked
for again, or given back. When he accepts, the rules are asked again, the preview becomes an attempt in one transaction,
and the order of a call goes to switch that rings him first. What switch has no event of on disk is told again.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from edge.core.dialer.campaign import Settings
from edge.dialer.clocks import Clocks
from edge.dialer.orders import order_of
from edge.dialer.port import Port
from edge.dialer.running import Running
from edge.dialer.under import Under
from edge.metrics.dialer import DialerMetrics
from edge.storage.campaigns.interface import CampaignStore
from edge.storage.campaigns.words import Candidate, Preview, PreviewState
from edge.vocabulary.commands import PreviewTold
from edge.vocabulary.dialing import PreviewClosing, PreviewOffer
from edge.vocabulary.private import Private

if TYPE_CHECKING:
    from edge.dialer.permission import Permissions

#: How much longer than the agent's time a preview may be left alone, by switch and by other appliances: whoever finds
#: it then has its dialer dead.
GRACE_MS = 60_000
#: An agent whom switch could not keep is asked for again then.
PAUSE_MS = 2000
#: Digits of a number that agents see who are not to see it whole.
SHOWN_DIGITS = 3
#: Candidates that are read at once.
AHEAD = 20


class PreviewError(LookupError):
    """What somebody wants of a preview can't be done; the text says why."""


class Shown(Struct, kw_only=True):
    """A preview that is offered. Moments are of a clock that never jumps."""

    preview: Preview
    since_ms: int
    #: Switch keeps the agent for it.
    held: bool = False
    #: When switch was asked to, last; None: not by this life.
    asked_ms: int | None = None


class Previews:
    """All previews of this appliance. `allowed` asks the rules; `under` are the engine's attempts."""

    def __init__(  # noqa: PLR0917 - each is needed
        self,
        store: CampaignStore,
        owner: str,
        port: Port,
        clocks: Clocks,
        metrics: DialerMetrics,
        campaigns: dict[str, Running],
        under: dict[str, Under],
        allowed: Callable[[Running, Candidate], bool],
    ) -> None:
        self._store = store
        self._owner = owner
        self._port = port
        self._clocks = clocks
        self._metrics = metrics
        self._campaigns = campaigns
        self._allowed = allowed
        self._under = under
        #: No calls are begun any more: the appliance is about to stop.
        self.draining = False
        self._shown: dict[str, Shown] = {}
        #: Ends that switch may not have on disk yet.
        self._untold: dict[str, PreviewClosing] = {}
        #: Those of them that it has, which the store does not know yet.
        self._known: set[str] = set()
        #: Agents whom switch could not keep, and until when nothing is asked of them.
        self._pauses: dict[str, int] = {}

    # --- beginning

    def take_up(self) -> None:
        """Take what a former life has left; switch may be there already. Raises StorageError."""
        now_ms = self._clocks.now_ms()
        for preview in self._store.pending_previews(self._owner):
            if preview.state == "offered":
                self._shown.setdefault(preview.id, Shown(preview=preview, since_ms=now_ms))
            else:
                closing = PreviewClosing(preview=preview.id, how=preview.state, reason=preview.reason, by=preview.by)
                self._untold[preview.id] = closing
                if self._port.connected:
                    self._port.over(closing)

    def connected(self) -> None:
        """Tell switch, which has just come, all that it may not know."""
        for closing in self._untold.values():
            self._port.over(closing)
        for shown in self._shown.values():
            shown.held = False
            self._ask(shown)

    def _ask(self, shown: Shown) -> None:
        preview, shown.asked_ms = shown.preview, self._clocks.now_ms()
        running = self._campaigns.get(preview.campaign)
        self._port.offer(
            PreviewOffer(
                preview=preview.id,
                campaign=preview.campaign,
                listed_in=preview.listed_in,
                contact=preview.contact,
                queue=running.settings.queue if running is not None else "",
                agent=preview.agent,
                limit_ms=(running.settings.preview.timeout_ms if running is not None else 0) + GRACE_MS,
            )
        )

    # --- what switch tells

    def hear(self, told: PreviewTold) -> None:
        """Take news. Raises StorageError."""
        shown = self._shown.get(told.preview)
        if told.state == "closed":
            self._known.add(told.preview)
            self._note_known()
        elif shown is None:
            if told.state == "held" and told.preview not in self._untold:
                # Nobody looks at it any more, so nobody may be kept for it.
                self._port.over(PreviewClosing(preview=told.preview, how="withdrawn"))
        elif told.state == "held":
            if not shown.held:
                shown.held, shown.since_ms = True, self._clocks.now_ms()
        elif told.state in {"refused", "gone"}:
            self._pauses[shown.preview.agent] = self._clocks.now_ms() + PAUSE_MS
            self._end(shown, "withdrawn", reason=told.why)

    def _note_known(self) -> None:
        """Note which ends switch has on disk; what the store does not take now is noted at the next tick."""
        if self._known:
            self._store.preview_told(sorted(self._known))
            for preview in self._known:
                self._untold.pop(preview, None)
            self._known.clear()

    # --- offering

    def offer(self, running: Running, ready: list[str]) -> None:
        """Offer a contact to each agent who is ready. Raises StorageError."""
        now_ms = self._clocks.now_ms()
        self._pauses = {name: at_ms for name, at_ms in self._pauses.items() if at_ms > now_ms}
        taken = {one.preview.agent for one in self._shown.values()} | self._pauses.keys()
        free = [name for name in ready if name not in taken]
        if not free:
            return
        for candidate in self._store.due(running.settings.lists, self._clocks.wall_ms(), len(free) + AHEAD):
            if not free or running.blocked:
                break
            if self._allowed(running, candidate) and self._offer(running.settings, candidate, free[0]):
                free.pop(0)

    def _offer(self, settings: Settings, candidate: Candidate, agent: str) -> bool:
        contact, wall_ms = candidate.contact, self._clocks.wall_ms()
        preview = Preview(
            id=self._clocks.mint(),
            campaign=settings.name,
            listed_in=contact.listed_in,
            contact=contact.id,
            number=candidate.number,
            owner=self._owner,
            agent=agent,
            until_ms=wall_ms + settings.preview.timeout_ms + 2 * GRACE_MS,
        )
        # From here on it is ours, whatever comes: if the answer is lost it is offered, or ended as if it had been.
        self._shown[preview.id] = Shown(preview=preview, since_ms=self._clocks.now_ms())
        if self._store.offer(preview, wall_ms) is not None:
            del self._shown[preview.id]
            return False
        self._metrics.previews_open.labels(settings.name).set(self.count(settings.name))
        self._ask(self._shown[preview.id])
        return True

    def count(self, campaign: str) -> int:
        """Tell how many contacts of a campaign agents look at."""
        return sum(one.preview.campaign == campaign for one in self._shown.values())

    # --- time

    def tick(self) -> None:
        """End those whose time is over. Raises StorageError."""
        self._note_known()
        now_ms = self._clocks.now_ms()
        for shown in [one for one in self._shown.values() if one.asked_ms is None and self._port.connected]:
            self._ask(shown)
        for shown in list(self._shown.values()):
            running = self._campaigns.get(shown.preview.campaign)
            if running is None or running.state != "running" or self.draining:
                self._end(shown, "withdrawn", reason="the campaign does not run")
            elif now_ms - shown.since_ms >= running.settings.preview.timeout_ms + (0 if shown.held else GRACE_MS):
                self._time_out(shown, running.settings)

    def _time_out(self, shown: Shown, settings: Settings) -> None:
        if shown.held and settings.preview.on_timeout == "dial":
            try:
                self._accept(shown, "")
            except PreviewError:
                return  # it was ended, or has its turn at the next tick
        else:
            self._end(shown, "lapsed", due_ms=self._clocks.wall_ms() + settings.preview.again_after_ms)

    def look(self) -> None:
        """Give back what dead dialers have left, of whatever appliance. Raises StorageError."""
        wall_ms = self._clocks.wall_ms()
        for preview in self._store.overdue_previews(wall_ms):
            if preview not in self._shown:
                self._store.end_preview(preview, "lapsed", wall_ms, due_ms=wall_ms)

    # --- what agents say

    def accept(self, agent: str, by: str) -> str:
        """Have the contact that an agent looks at called; returns the attempt. Raises PreviewError, StorageError."""
        shown = self._of(agent)
        self._accept(shown, by)
        return shown.preview.id

    def _accept(self, shown: Shown, by: str) -> None:
        preview = shown.preview
        running = self._campaigns.get(preview.campaign)
        if running is None or running.state != "running":
            raise PreviewError("the campaign does not run")
        if not shown.held:
            raise PreviewError("the agent is not free yet")
        now_ms, mine = self._clocks.now_ms(), sum(one.campaign == preview.campaign for one in self._under.values())
        if running.throttle.room(running.settings, mine, now_ms) < 1:
            raise PreviewError("as many calls as may be are under way: try again")
        candidate = self._candidate(preview)
        if candidate is None:
            self._end(shown, "withdrawn", reason="the contact is not there any more")
            raise PreviewError("the contact is not there any more")
        self._ask_rules(running, shown, candidate)
        # From here on it is an attempt, whatever comes: if the answer is lost switch is asked for it, and knows none.
        self._under[preview.id] = Under(preview.campaign, now_ms)
        refusal = self._store.accept(preview.id, self._clocks.wall_ms(), by)
        if refusal is not None:
            del self._under[preview.id]
            self._end(shown, "withdrawn", reason=refusal)
            raise PreviewError(f"it may not be called now: {refusal}")
        order = order_of(self._store, running.settings, candidate, preview.id, preview.agent)
        self._closed(shown, PreviewClosing(preview=preview.id, how="accepted", by=by))
        running.throttle.take(1)
        self._metrics.attempts.labels(preview.campaign).inc()
        self._port.order(order)

    def _ask_rules(self, running: Running, shown: Shown, candidate: Candidate) -> None:
        """Ask the rules once more, now that it is to be called."""
        permissions: Permissions | None = running.permissions
        if permissions is None or not running.settings.dials_at(self._clocks.wall_ms()):
            raise PreviewError("the campaign does not dial now: " + ("hours" if permissions is not None else "rules"))
        refused = permissions.ask(running.settings, candidate, self._clocks.wall_ms(), shown.preview.id)
        if refused is None:
            return
        reasons = ", ".join(refused.reasons)
        numbers, position = candidate.contact.numbers, candidate.position
        following = position + 1 if refused.again_ms is None and position + 1 < len(numbers) else None
        due_ms = refused.again_ms if following is None else self._clocks.wall_ms()
        how: PreviewState = "withdrawn" if due_ms is not None else "rejected"
        self._end(shown, how, due_ms=due_ms, position=following, reason=f"rules: {reasons}")
        raise PreviewError(f"the rules do not let it be called: {reasons}")

    def skip(self, agent: str, by: str, reason: str) -> str:
        """Have the contact come again later. Raises PreviewError, StorageError."""
        shown = self._of(agent)
        running = self._campaigns.get(shown.preview.campaign)
        again_ms = running.settings.preview.again_after_ms if running is not None else 0
        self._end(shown, "skipped", due_ms=self._clocks.wall_ms() + again_ms, reason=reason, by=by)
        return shown.preview.id

    def reject(self, agent: str, by: str, reason: str) -> str:
        """Have the contact never called. Raises PreviewError, StorageError."""
        shown = self._of(agent)
        self._end(shown, "rejected", reason=reason, by=by)
        return shown.preview.id

    def _of(self, agent: str) -> Shown:
        shown = next((one for one in self._shown.values() if one.preview.agent == agent), None)
        if shown is None:
            raise PreviewError(f"agent '{agent[:64]}' is shown no contact")
        return shown

    def _candidate(self, preview: Preview) -> Candidate | None:
        status = self._store.contact(preview.listed_in, preview.contact)
        numbers = [one.number for one in status.contact.numbers] if status is not None else []
        if status is None or preview.number not in numbers:
            return None
        return Candidate(
            contact=status.contact,
            position=numbers.index(preview.number),
            attempts=status.attempts,
            due_ms=status.due_ms,
        )

    def _end(
        self,
        shown: Shown,
        how: PreviewState,
        *,
        due_ms: int | None = None,
        position: int | None = None,
        reason: str = "",
        by: str = "",
    ) -> None:
        preview, wall_ms = shown.preview, self._clocks.wall_ms()
        self._store.end_preview(preview.id, how, wall_ms, due_ms=due_ms, position=position, reason=reason, by=by)
        self._closed(shown, PreviewClosing(preview=preview.id, how=_told(how), reason=reason, by=by))

    def _closed(self, shown: Shown, closing: PreviewClosing) -> None:
        campaign = shown.preview.campaign
        del self._shown[shown.preview.id]
        self._untold[closing.preview] = closing
        self._port.over(closing)
        if campaign in self._campaigns:
            self._metrics.previews.labels(campaign, closing.how).inc()
            self._metrics.previews_open.labels(campaign).set(self.count(campaign))

    # --- what people see

    def show(self, agent: str) -> dict[str, Any]:
        """Return what an agent sees of the contact that he looks at. Raises PreviewError, StorageError."""
        shown = self._of(agent)
        preview = shown.preview
        running, candidate = self._campaigns.get(preview.campaign), self._candidate(preview)
        if running is None or candidate is None:
            raise PreviewError("the contact is not there any more")
        terms, contact = running.settings.preview, candidate.contact
        passed_ms = self._clocks.now_ms() - shown.since_ms
        past = self._store.contact_history(contact.listed_in, contact.id, 0)
        return {
            "preview": preview.id,
            "agent": agent,
            "campaign": preview.campaign,
            "list": contact.listed_in,
            "contact": contact.id,
            "language": contact.language,
            "attributes": contact.attributes,
            "number": _masked(candidate.number, whole=terms.show_number),
            "label": contact.numbers[candidate.position].label,
            "left_s": max(0, terms.timeout_ms - passed_ms) // 1000,
            "then": terms.on_timeout,
            "ready": shown.held,
            "attempts": [
                {
                    "attempt": one.attempt,
                    "campaign": one.campaign,
                    "started_ms": one.started_ms,
                    "disposition": one.disposition,
                    "results": [
                        {"code": said.code, "agent": said.agent, "note": said.note.reveal(), "given_ms": said.given_ms}
                        for said in self._store.results(one.attempt)
                    ],
                }
                for one in past
            ],
        }


def _told(how: PreviewState) -> Literal["skipped", "rejected", "lapsed", "withdrawn"]:
    if how in {"offered", "accepted"}:
        raise ValueError(f"{how} is no end")
    return how  # type: ignore[return-value]  # the others


def _masked(number: Private, *, whole: bool) -> str:
    text = number.reveal()
    return text if whole else "*" * (len(text) - SHOWN_DIGITS) + text[-SHOWN_DIGITS:]
