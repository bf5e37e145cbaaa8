"""Opening the campaigns' store. What SQL needs is loaded only then: 30 MB."""

from pathlib import Path

from edge.storage.campaigns.interface import CampaignStore

#: In the state folder, when no other database is named.
FILE = "campaigns.db"


def opened(state: Path, database: str = "") -> CampaignStore:
    """Open the store: `database` (postgresql://...), or without one the file in the state folder, which is made.

    Raises `StorageError` when it can't be opened, `SchemaError` when a newer release wrote it; then nothing changed.
    """
    from edge.storage.campaigns.database_store import DatabaseStore

    return DatabaseStore(database or state / FILE)
