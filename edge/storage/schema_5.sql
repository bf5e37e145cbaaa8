-- state.db, version 5: the outbox is kept within bounds.

-- Events that left the outbox before every sink had them, because it was full: what is missing is told from what was lost.
CREATE TABLE shed (
    call     TEXT    NOT NULL,
    callseq  INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (call, callseq)
) WITHOUT ROWID;
CREATE INDEX shed_sequence ON shed (sequence);

-- What the outbox takes, counted with each event that comes or goes. 200: what a row costs beside its body.
INSERT INTO meta SELECT 'outbox.bytes', COALESCE(SUM(LENGTH(body) + 200), 0) FROM events;
