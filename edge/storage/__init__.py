"""Storage: one SQLite file (journal, calls, outbox, senders). Switch writes it, others read it."""
