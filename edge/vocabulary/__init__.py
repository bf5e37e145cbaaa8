"""The words every other layer speaks: frozen typed values, no I/O, no decisions."""
