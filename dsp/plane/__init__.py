"""The media plane: shared state, RTP and RTCP, and the pass over all legs every 20 ms."""
