"""The campaigns' store over a database: all of `interface.CampaignStore`."""

import msgspec
from sqlalchemy import select

from edge.storage.campaigns.attempts import Attempts
from edge.storage.campaigns.contacts import Contacts
from edge.storage.campaigns.permissions import Permissions
from edge.storage.campaigns.schema import CAMPAIGNS
from edge.storage.campaigns.words import CampaignState, CampaignStatus


class DatabaseStore(Attempts, Contacts, Permissions):
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
