"""The API of an appliance for Python: `pip install edge-appliance[client]`.

    with Client("http://127.0.0.1:8080", token) as edge:
        for one in edge.stream(types=["call.started"]):
            print(one.event["data"]["caller"])

It knows the words of the API (`edge.vocabulary.api`) and nothing else of the appliance.
"""

from edge.client.client import ApiError, Client

__all__ = ["ApiError", "Client"]
