-- state.db, version 3: requests to be called back are called. A request of version 2 goes on as one that nobody has called yet.

ALTER TABLE callbacks ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;    -- calls to the number that left, the one under way included
ALTER TABLE callbacks ADD COLUMN attempt  TEXT    NOT NULL DEFAULT '';   -- the call of the last attempt, written with that call's first journal line
ALTER TABLE callbacks ADD COLUMN began    TEXT    NOT NULL DEFAULT '';   -- RFC 3339: when that began
ALTER TABLE callbacks ADD COLUMN next     TEXT    NOT NULL DEFAULT '';   -- RFC 3339: not before that again
ALTER TABLE callbacks ADD COLUMN last     TEXT    NOT NULL DEFAULT '';   -- disposition of the last attempt that ended
ALTER TABLE callbacks ADD COLUMN urgent   INTEGER NOT NULL DEFAULT 0;    -- 1: a person wants the call made now
ALTER TABLE callbacks ADD COLUMN held_why TEXT    NOT NULL DEFAULT '';

-- `state` is one of open, calling, held, closed from now on; `closed_by` may be reached, not_reached, forbidden, too.
DROP INDEX callbacks_open;
CREATE UNIQUE INDEX callbacks_open ON callbacks (number, purpose) WHERE state != 'closed';
