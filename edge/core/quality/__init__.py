"""How good a conversation sounds, from what was counted: the E-model as pure functions, and its inputs for a leg."""
