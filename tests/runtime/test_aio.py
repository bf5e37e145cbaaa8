"""The link on an asyncio loop."""

import asyncio
from pathlib import Path

from edge.runtime.aio import AsyncLink
from edge.runtime.link import LinkClient
from edge.vocabulary.ids import Incarnation
from edge.vocabulary.reports import Noticed
from edge.vocabulary.site_events import LineSoundBroken
from tests.runtime.test_link import Listener, Switch, new_disk, turn

#: More than the socket holds.
REPORTS = 3000


def test_reports_that_found_no_room_go_when_there_is_some(tmp_path: Path) -> None:
    """Switch says nothing meanwhile: it commits later."""

    async def run() -> list[int]:
        listener = Listener(tmp_path)
        switch = Switch(listener.descriptor(), new_disk())
        client = LinkClient(
            listener.path, "line-gsm", Incarnation("1"), lambda _id, _order: None, lambda _legs: None, lambda: None
        )
        link = AsyncLink(client)
        try:
            while not client.connected:
                turn(switch.pump)
                await asyncio.sleep(0.01)
            for number in range(REPORTS):
                link.report(Noticed(LineSoundBroken(line="gsm", gaps=number, within_ms=1000)))
            assert client.wants_write
            for _ in range(2000):
                turn(switch.pump)
                await asyncio.sleep(0)
                if len(switch.delivered) == REPORTS:
                    break
            return switch.delivered
        finally:
            link.close()
            switch.kill()
            listener.socket.close()

    assert asyncio.run(run()) == list(range(1, REPORTS + 1))
