"""Signal processing and the media plane: everything that numba compiles."""
