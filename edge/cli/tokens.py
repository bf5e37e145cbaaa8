"""`edge tokens new`: a token for the API, printed once, and the table for the site file."""

import secrets
from typing import Annotated, get_args

from cyclopts import App, Parameter

from edge.cli.output import FINE, USAGE, complain, print_json
from edge.cli.site import JsonOption
from edge.config.kinds import name_fault
from edge.core.access.gate import PREFIX, hash_of
from edge.vocabulary.access import Role

#: Bytes of chance in a token.
BYTES = 32


def register(app: App) -> None:
    """Add the commands."""
    group = App(name="tokens", help="Tokens for the API.")
    group.command(new)
    app.command(group)


def new(
    name: Annotated[str, Parameter(help="What logs and events call whoever has it.")],
    /,
    *,
    role: Annotated[Role, Parameter(help=f"What it may: {', '.join(get_args(Role))}, each more than the one before.")],
    json: JsonOption = False,
) -> int:
    """Make a token. It is printed once and kept nowhere; the site file gets its hash, which is of no use to a thief."""
    fault = name_fault(name)
    if fault:
        complain(fault)
        return USAGE
    token = PREFIX + secrets.token_urlsafe(BYTES)
    if json:
        print_json({"name": name, "role": role, "token": token, "hash": hash_of(token)})
        return FINE
    print(f"The token, shown this once:\n\n{token}\n")
    print("For the site file; then `edge reload`:\n")
    print(f'[[api_tokens]]\nname = "{name}"\nrole = "{role}"\nhash = "{hash_of(token)}"')
    return FINE
