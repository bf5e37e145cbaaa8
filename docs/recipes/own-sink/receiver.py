"""A receiver for `edge_sink_lines`: `python receiver.py HOST PORT FILE` keeps the events in FILE.

While there is a file `FILE.full` it takes none.
"""

import asyncio
import json
import sys
from pathlib import Path


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kept: Path) -> None:
    """Take the events of one connection."""
    await reader.readline()  # hello
    while line := await reader.readline():
        if not line.endswith(b"\n"):
            break
        id_ = json.loads(line)["id"].encode()
        if kept.with_suffix(".full").exists():
            writer.write(b"no %b there is no room\n" % id_)
            continue
        with kept.open("ab") as file:
            file.write(line)
        writer.write(b"ok %b\n" % id_)
    writer.close()


async def main() -> None:
    """Listen until it is killed."""
    host, port, kept = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    server = await asyncio.start_server(lambda r, w: serve(r, w, kept), host, port, limit=1 << 20)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
