"""Whoever is parked (`park` in a menu) is asked for his customer number, and connected with the agent who knows him.

    EDGE=http://127.0.0.1:8080 EDGE_TOKEN=edge_... python desk.py sip:agent@192.0.2.7

The token needs the role `integrator`, which sees digits, and `may_dial` for the agent.
`pip install edge-appliance[client]` brings all that it takes.
"""

import os
import sys

from edge.client import ApiError, Client
from edge.vocabulary.api import Gather, Transfer


def serve(edge: Client, call: str, agent: str) -> str:
    """Ask one caller, then connect him; returns what came of it."""
    asked = edge.wait(edge.gather(call, Gather(sounds=["en/two"], min_digits=4, max_digits=4, rounds=2)))
    if asked.state == "failed":
        return f"no number ({asked.result})"
    done = edge.wait(edge.transfer(call, Transfer(target=agent)))
    return f"customer {asked.digits}: {done.result}"


def main() -> None:
    """Serve for ever. A caller who waits again after a failure is asked again."""
    served: set[str] = set()
    with Client(os.environ["EDGE"], os.environ["EDGE_TOKEN"]) as edge:
        for one in edge.stream(types=["menu.node_entered"], after=int(os.environ.get("AFTER", "0"))):
            call, kind = one.event["subject"], one.event["data"]["kind"]
            if kind != "park" or call in served:
                continue
            served.add(call)
            try:
                print(call, serve(edge, call, sys.argv[1]), flush=True)
            except (ApiError, TimeoutError) as error:  # he has hung up meanwhile, say
                print(call, error, flush=True)


if __name__ == "__main__":
    main()
