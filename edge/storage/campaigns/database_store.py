"""The campaigns' store over a database: all of `interface.CampaignStore`."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select

from edge.storage.campaigns.contacts import Contacts
from edge.storage.campaigns.outside import Outside
from edge.storage.campaigns.permissions import Permissions
from edge.storage.campaigns.presences import Presences
from edge.storage.campaigns.previews import Previews
from edge.storage.campaigns.schema import CAMPAIGNS, REFUSALS
from edge.storage.campaigns.words import CampaignState, CampaignStatus, RefusalCount

_DAY_MS = 86_400_000


class DatabaseStore(Previews, Contacts, Permissions, Outside, Presences):
    """A store in SQLite or PostgreSQL."""

    def set_campaign(self, campaign: str, state: CampaignState, now_ms: int, by: str = "", why: str = "") -> None:
        """Note what a campaign is to do; see `interface.CampaignStore`."""
        status = CampaignStatus(name=campaign, state=state, since_ms=now_ms, by=by, why=why)
        values = msgspec.structs.asdict(status)
        with self._write() as db:
            db.execute(
                self._insert(CAMPAIGNS).values(values).on_conflict_do_update(index_elements=["name"], set_=values)
            )

    def campaigns(self) -> list[CampaignStatus]:
        """Return what campaigns were told; see `interface.CampaignStore`."""
        with self._read() as db:
            rows = db.execute(select(CAMPAIGNS).order_by(CAMPAIGNS.c.name)).mappings().all()
        return [CampaignStatus(**row) for row in rows]

    def note_refusals(self, run: str, counts: Sequence[RefusalCount]) -> None:
        """Note how often the rules did not let calls be made; see `interface.CampaignStore`."""
        if not counts:
            return
        rows = [{"run": run, **msgspec.structs.asdict(one)} for one in counts]
        noted = self._insert(REFUSALS)
        noted = noted.on_conflict_do_update(
            index_elements=["run", "campaign", "day_ms", "reason"], set_={"calls": noted.excluded.calls}
        )
        with self._write() as db:
            db.execute(noted, rows)

    def refusals(self, since_ms: int = 0) -> list[RefusalCount]:
        """Return the counts of days; see `interface.CampaignStore`."""
        keys = (REFUSALS.c.campaign, REFUSALS.c.day_ms, REFUSALS.c.reason)
        counted = select(*keys, func.sum(REFUSALS.c.calls)).where(REFUSALS.c.day_ms > since_ms - _DAY_MS)
        with self._read() as db:
            rows = db.execute(counted.group_by(*keys).order_by(*keys)).all()
        return [
            RefusalCount(campaign=campaign, day_ms=day_ms, reason=reason, calls=int(calls))
            for campaign, day_ms, reason, calls in rows
        ]
