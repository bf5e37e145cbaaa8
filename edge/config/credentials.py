"""Secrets that the service manager hands over (systemd.exec(5), LoadCredential=): `credential:NAME` in a site file."""

import re
from collections.abc import Mapping
from pathlib import Path

from edge.config.errors import did_you_mean

PREFIX = "credential:"
#: Where they lie while the unit runs, for a command that is not its child.
_OF_UNIT = Path("/run/credentials/edge.service")
#: Where people put them; root's alone.
KEPT = Path("/etc/edge/credentials")
#: A folder of credentials that the unit loads as a whole is named by it: `edge:/etc/edge/credentials`.
_FOLDER = "edge_"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class CredentialError(Exception):
    """It cannot be had; text and advice."""


def read(name: str, environment: Mapping[str, str]) -> str:
    """Return a credential, without white space around it. Raises CredentialError."""
    given = environment.get("CREDENTIALS_DIRECTORY")
    folder = Path(given) if given else _OF_UNIT
    if _NAME.fullmatch(name) is None:
        raise CredentialError(f"'{name[:60]}' is no name of a credential", "letters, digits, '.', '_' and '-'")
    try:
        for path in (folder / name, folder / f"{_FOLDER}{name}"):
            if path.exists():
                return path.read_text().strip()
        there = [path.name.removeprefix(_FOLDER) for path in folder.iterdir()]
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        advice = "" if given else "credentials are there while edge.service runs, for root and its user"
        raise CredentialError(f"the credential '{name}' cannot be read from {folder}: {reason}", advice) from None
    put = f"put it into {KEPT}/{name} and restart edge.service"
    raise CredentialError(f"the service was given no credential '{name}'", did_you_mean(name, there) or put)
