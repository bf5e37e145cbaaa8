-- state.db, version 6: what was done by the API under an Idempotency-Key, so that the same key does it once.

CREATE TABLE acts (
    token  TEXT NOT NULL,             -- name of the token
    key    TEXT NOT NULL,
    digest TEXT NOT NULL,             -- of the request: another one with the same key is refused
    at     TEXT NOT NULL,             -- RFC 3339, UTC
    answer BLOB NOT NULL,             -- JSON, as it was given
    PRIMARY KEY (token, key)
) WITHOUT ROWID;
CREATE INDEX acts_at ON acts (at);
