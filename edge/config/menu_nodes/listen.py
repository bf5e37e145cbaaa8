"""How authors write that the far end is listened to."""

from typing import Annotated, Literal

from msgspec import Struct

from edge.config.annotations import lasting
from edge.config.located import Located
from edge.config.menu_nodes.parts import Desk, Kind, NodeRef, reached_by, short_form
from edge.core.menus import model


class ListenSettings(Struct, kw_only=True):
    """Short form: `sound` or `silence`."""

    #: Wait until the far end becomes loud, or until it becomes quiet.
    wait_for: Literal["sound", "silence"] = "sound"
    #: Longest wait.
    timeout: Annotated[int, lasting(100, 3_600_000)] = 10000


class ListenNode(Struct, kw_only=True):
    """Wait for sound or silence of the far end; for test calls."""

    listen: Annotated[ListenSettings, short_form("wait_for")]
    #: Node when it was heard.
    next: Annotated[NodeRef, reached_by("act")]
    #: Node when the time is over.
    failed: Annotated[NodeRef, reached_by("silence")]


def _compile(node: ListenNode, _located: Located, desk: Desk) -> model.Node:
    own = node.listen
    return model.Listen(
        for_sound=own.wait_for == "sound",
        timeout_ms=own.timeout,
        next=desk.node(node.next),
        failed=desk.node(node.failed),
    )


LISTEN = Kind(ListenNode, _compile)
