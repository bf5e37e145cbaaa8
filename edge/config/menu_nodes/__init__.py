"""How authors write each kind of node, what can be wrong with it, and what it is compiled to: one module a kind."""
