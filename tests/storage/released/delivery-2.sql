BEGIN TRANSACTION;
CREATE TABLE dead_letters (
    sink TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    id TEXT NOT NULL,
    call TEXT,
    type TEXT NOT NULL,
    -- RFC 3339, when it was put aside.
    time TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    -- How the last attempt ended.
    result TEXT NOT NULL,
    body BLOB NOT NULL, replay INTEGER,
    PRIMARY KEY (sink, sequence)
) STRICT;
INSERT INTO "dead_letters" VALUES('crm',6,'e6','c1','call.ended','2026-01-02T00:00:00.000Z',3,'refused',X'7B7D',NULL);
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
CREATE TABLE sinks (
    name TEXT PRIMARY KEY,
    -- Everything up to here was taken (or skipped, or put aside).
    cursor INTEGER NOT NULL,
    -- What was taken beyond the cursor: JSON, sorted inclusive [first, last] pairs.
    ahead TEXT NOT NULL,
    -- RFC 3339, since when the sink is no longer in the configuration; NULL while it is.
    removed TEXT
) STRICT;
INSERT INTO "sinks" VALUES('crm',5,'[[7,8]]',NULL);
DELETE FROM "sqlite_sequence";
COMMIT;
PRAGMA user_version = 2;
