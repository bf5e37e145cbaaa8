"""As soon as an agent's phone rings for a caller, the caller's page of the CRM opens on the agent's desk.

    EDGE=https://edge.example EDGE_TOKEN=edge_... python screen_pop.py anna 'https://crm.example/search?phone={number}'

The token needs the role `integrator`, which sees numbers.
`pip install edge-appliance[client]` brings all that it takes.
"""

import os
import sys
import webbrowser
from urllib.parse import quote

from edge.client import ApiError, Client


def main(agent: str, page: str) -> None:
    """Open pages for ever. What rang while the connection was away is told afterwards, and opened, too."""
    with Client(os.environ["EDGE"], os.environ["EDGE_TOKEN"]) as edge:
        for one in edge.stream(types=["queue.agent_offered"]):
            if one.event["data"]["agent"] != agent:
                continue
            try:
                call = edge.call(one.event["subject"])
            except ApiError:  # it is over, and forgotten
                continue
            number = call.caller if call.direction == "incoming" else call.called
            url = page.format(number=quote(number, safe=""))
            print(url, flush=True)
            webbrowser.open(url)


if __name__ == "__main__":
    main(*sys.argv[1:3])
