"""A span: one pjsua2 endpoint that does the SIP signalling of at most `library.MAX_LEGS` legs, and nothing else.

It never sees a peer: front gives it canonical messages over loopback UDP and replaces its SDP. No audio: the loop
media transport opens no socket. A failed assertion of the C stack aborts the process; front and supervisor plan for it.
"""

from edge.runtime.process import ProcessContext

__all__ = ["main", "prepare"]


def prepare(context: ProcessContext) -> None:
    """Import the stack, in the zygote, before any fork. RuntimeError when it is not the version we know."""
    from edge.span import process

    process.prepare(context)


def main(context: ProcessContext) -> int:
    """Live as one span, in a forked worker. Returns the exit code."""
    from edge.span import process

    return process.main(context)
