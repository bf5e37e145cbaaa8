-- state.db, version 2: requests to be called back.

-- `number` is kept while the row is. At most one is open a number and purpose.
CREATE TABLE callbacks (
    id           TEXT PRIMARY KEY NOT NULL,
    purpose      TEXT NOT NULL,       -- callback, survey
    number       TEXT NOT NULL,       -- E.164
    state        TEXT NOT NULL,       -- open, closed
    reason       TEXT NOT NULL,       -- asked, lost, survey
    requested    TEXT NOT NULL,       -- RFC 3339, UTC; the first time
    renewed      TEXT NOT NULL,       -- the last time
    times        INTEGER NOT NULL,
    not_before   TEXT NOT NULL,
    latest       TEXT NOT NULL,
    call         TEXT NOT NULL,       -- of the last time, as all that follows
    trunk        TEXT NOT NULL,
    called       TEXT NOT NULL,
    menu         TEXT NOT NULL,
    menu_version TEXT NOT NULL,
    node         TEXT NOT NULL,
    runs         TEXT NOT NULL,       -- the menu that the call is for; empty: somebody to talk with
    waited_ms    INTEGER NOT NULL,
    target       TEXT NOT NULL,       -- who the caller had talked with; empty: nobody
    language     TEXT NOT NULL,
    attributes   TEXT NOT NULL,       -- JSON object
    closed       TEXT,
    closed_by    TEXT,                -- superseded, operator
    closed_why   TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX callbacks_open ON callbacks (number, purpose) WHERE state = 'open';
CREATE INDEX callbacks_requested ON callbacks (requested);
