"""The brain: calls, menus, routing; the only writer of state and events."""
