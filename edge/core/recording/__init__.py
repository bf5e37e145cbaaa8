"""Decisions of the recorder: file layout, repair after a crash, and what is written beside a recording."""
