"""The API of an appliance for Python: `pip install edge-appliance[client]`.

    with Client("http://127.0.0.1:8080", token) as edge:
        for one in edge.stream(types=["call.started"]):
            print(one.event["data"]["caller"])

On asyncio the same with `AsyncClient`, `async with`, `async for` and `await`. It knows the words of the API
(`edge.vocabulary.api`) and nothing else of the appliance.
"""

from edge.client.asking import ApiError
from edge.client.asynchronous import AsyncClient
from edge.client.client import Client

__all__ = ["ApiError", "AsyncClient", "Client"]
