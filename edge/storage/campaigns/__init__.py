"""Storage of the dialer: lists and their contacts, attempts with their leases, suppressions, consents, imports.

`interface.py` says what a store does, `words.py` with what; `store.opened` opens one, in SQLite or in PostgreSQL.
"""
