"""Queues of callers who wait for an agent: who is next, whom he is offered to, and how long it will take."""
