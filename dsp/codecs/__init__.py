"""Audio codecs as kernels over pre-allocated arrays."""
