"""What keeps a command from being carried out."""


class CommandError(Exception):
    """The command cannot be carried out; the text goes into `CommandDone`."""
