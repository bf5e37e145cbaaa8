-- state.db, version 4: requests to be called back that are closed lose their number, attributes and target after a time.

CREATE INDEX callbacks_to_blank ON callbacks (closed) WHERE state = 'closed' AND number != '';
