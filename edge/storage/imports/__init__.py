"""Imports: files of other people's programs, read line by line into the campaigns' store."""
