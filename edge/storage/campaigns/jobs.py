"""Imports, and how far they have come."""

import msgspec
from sqlalchemy import Connection, select, text

from edge.storage.campaigns.database import Database
from edge.storage.campaigns.schema import JOBS
from edge.storage.campaigns.words import Job


class Jobs(Database):
    """Import jobs in a database."""

    def begin_job(self, job: Job) -> Job:
        """Begin an import, or go on with it; see `interface.Lists`."""
        with self._write() as db:
            row = db.execute(select(JOBS).where(JOBS.c.id == job.id).with_for_update()).mappings().one_or_none()
            if row is not None:
                old = Job(**row)
                if old.finished_ms is None:
                    return old
                job = msgspec.structs.replace(job, run=old.run + 1)
            self._save_job(db, job)
            return job

    def save_job(self, job: Job) -> None:
        """Write how far an import has come."""
        with self._write() as db:
            self._save_job(db, job)
            if self.shared and job.finished_ms is not None:
                # PostgreSQL plans by figures of its tables. It makes them by itself, but after the dialer has asked.
                db.execute(text("ANALYZE contacts, numbers, suppressions"))

    def _save_job(self, db: Connection, job: Job) -> None:
        values = msgspec.structs.asdict(job)
        db.execute(self._insert(JOBS).values(values).on_conflict_do_update(index_elements=["id"], set_=values))

    def jobs(self, limit: int = 100) -> list[Job]:
        """Return imports, the newest first."""
        with self._read() as db:
            rows = db.execute(select(JOBS).order_by(JOBS.c.started_ms.desc()).limit(limit)).mappings().all()
        return [Job(**row) for row in rows]
