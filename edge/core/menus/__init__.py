"""Menus: the compiled form (`model`) and the interpreter (`run`)."""
