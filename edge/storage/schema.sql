-- state.db, version 1 (PRAGMA user_version). Only switch writes it. Later versions add to it: schema_<version>.sql.

-- What each call was fed with; replaying it makes the call again. Blobs: MessagePack of edge.core.calls.inputs.Entry.
CREATE TABLE journal (
    call   TEXT    NOT NULL,
    number INTEGER NOT NULL,          -- from 1, gap-free per call
    at_ms  INTEGER NOT NULL,          -- CLOCK_MONOTONIC, milliseconds
    input  BLOB    NOT NULL,
    PRIMARY KEY (call, number)
) WITHOUT ROWID;

-- One row a call.
CREATE TABLE calls (
    id           TEXT PRIMARY KEY NOT NULL,
    state        TEXT NOT NULL,       -- open, ended
    boot         TEXT NOT NULL,       -- the run of the appliance that it belongs to
    direction    TEXT NOT NULL,       -- incoming, outgoing
    trunk        TEXT NOT NULL,
    caller       TEXT NOT NULL,
    called       TEXT NOT NULL,
    menu         TEXT NOT NULL,
    menu_version TEXT NOT NULL,
    menu_key     TEXT NOT NULL,
    started      TEXT NOT NULL,       -- RFC 3339, UTC
    answered     TEXT,
    ended        TEXT,
    outcome      TEXT,
    ended_by     TEXT,
    sip_code     INTEGER,
    duration_ms  INTEGER,
    answered_ms  INTEGER,
    recordings   TEXT NOT NULL        -- JSON list of recording ids
) WITHOUT ROWID;
CREATE INDEX calls_open ON calls (id) WHERE state = 'open';
CREATE INDEX calls_started ON calls (started);

-- The outbox: events in the order they were committed. `body` is CloudEvents 1.0 JSON.
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id       TEXT UNIQUE NOT NULL,
    call     TEXT,
    callseq  INTEGER,
    type     TEXT,
    time     TEXT,
    body     BLOB
);
CREATE INDEX events_call ON events (call, callseq);

-- Up to which report each sender's reports are in.
CREATE TABLE senders (
    process     TEXT    NOT NULL,
    incarnation TEXT    NOT NULL,
    number      INTEGER NOT NULL,
    updated     TEXT    NOT NULL,
    PRIMARY KEY (process, incarnation)
) WITHOUT ROWID;

-- Compiled menus that calls run on, MessagePack of edge.core.menus.model.Menu.
CREATE TABLE menus (
    key  TEXT PRIMARY KEY NOT NULL,
    body BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;
