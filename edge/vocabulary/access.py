"""Who may do what by HTTP: four roles, each of which may all that the ones before it may."""

from typing import Final, Literal

Role = Literal["viewer", "operator", "integrator", "admin"]

#: The least first.
ROLES: Final[tuple[Role, ...]] = ("viewer", "operator", "integrator", "admin")


def allows(role: Role, least: Role) -> bool:
    """Say whether who has `role` may do what takes `least`."""
    return ROLES.index(role) >= ROLES.index(least)
