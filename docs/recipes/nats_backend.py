"""A backend that is asked over NATS: as many as you like may run, one of them gets each question (pip install nats-py).

python3 nats_backend.py nats://127.0.0.1:4222
"""

import asyncio
import json
import sys

import nats

GOLD = {"+4930123456": "Ada"}


async def answer(question):
    name = GOLD.get(json.loads(question.data)["values"].get("caller"))
    await question.respond(
        json.dumps({"result": "gold", "attributes": {"name": name}} if name else {"result": "other"}).encode()
    )


async def main():
    client = await nats.connect(sys.argv[1], max_reconnect_attempts=-1)
    await client.subscribe("ask.edge", queue="backends", cb=answer)
    await client.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
