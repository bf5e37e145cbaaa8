-- delivery.db, version 2: events are sent again on request, beside what is new.
CREATE TABLE replays (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    sink TEXT NOT NULL,
    -- RFC 3339.
    asked TEXT NOT NULL,
    -- JSON of Chosen.
    chosen TEXT NOT NULL,
    -- Events that were chosen, and the sequence of the last of them.
    total INTEGER NOT NULL,
    through INTEGER NOT NULL,
    -- As in `sinks`.
    cursor INTEGER NOT NULL,
    ahead TEXT NOT NULL,
    -- How many of them are done: up to the cursor, and in all.
    below INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    -- RFC 3339; NULL: it goes on.
    ended TEXT,
    -- How it ended: done, cancelled.
    how TEXT NOT NULL DEFAULT ''
) STRICT;
-- The replay that sends it again; NULL: none.
ALTER TABLE dead_letters ADD COLUMN replay INTEGER;
