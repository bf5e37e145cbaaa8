"""Calls: the call core, the digits fuser, media slots."""
