"""The calls that callbacks are: whom they ring first, on which trunk, and what who answers goes through."""

import json
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from edge.core.callbacks import menus
from edge.core.callbacks.errand import Errand
from edge.core.calls.inputs import Originate
from edge.core.menus.model import Calendar, Callback, Menu, Queue, Sound
from edge.core.queues.model import Offered
from edge.storage.turn import CallbackRow
from edge.switch.plan import Plan
from edge.vocabulary.ids import CallbackId, CallId
from edge.vocabulary.private import Private

#: How long a target that is rung first (no agent of a queue, which has a time for that) is rung.
TARGET_RING_MS = 20_000


class Order(Struct, frozen=True):
    """A call to be made."""

    begin: Originate
    menu: Menu


def queue_of(plan: Plan, row: CallbackRow) -> str:
    """Name the queue whose agents talk with who is called back; empty: the target does."""
    menu = plan.site.menus.get(row.menu)
    node = menu.nodes.get(row.node) if menu is not None else None
    if isinstance(node, Queue) and any(queue.name == node.queue for queue in plan.site.queues):
        return node.queue
    return plan.site.callbacks.queue


def calendar_of(plan: Plan, row: CallbackRow) -> Calendar | None:
    """Give the hours in which a request may be called: those of the node that took it, else those of the site."""
    menu = plan.site.menus.get(row.menu)
    node = menu.nodes.get(row.node) if menu is not None else None
    if isinstance(node, Callback) and node.window.calendar is not None:
        return node.window.calendar
    return plan.site.calendars.get(plan.site.callbacks.hours)


def rings_agent_first(plan: Plan, row: CallbackRow) -> bool:
    """Say whether somebody here is rung before the number is. A survey has nobody to be rung.

    An agent whose leg stays up has nothing that could ring; he is there when the number has answered.
    """
    if plan.site.callbacks.order != "agent_first" or row.runs:
        return False
    nailed_up = {agent.name for agent in plan.site.agents if agent.line == "nailed_up"}
    name = queue_of(plan, row) if nailed_up else ""
    members = next((queue.agents for queue in plan.site.queues if queue.name == name), [])
    return not any(member.agent in nailed_up for member in members)


def values_of(row: CallbackRow) -> dict[str, str]:
    """Give what the call in which it was asked for had set: skill, customer type..."""
    try:
        known = json.loads(row.attributes)
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in known.items()} if isinstance(known, dict) else {}


def order_of(plan: Plan, row: CallbackRow, wall: datetime, offered: Offered | None, waited_ms: int) -> Order | None:
    """Make the call of a request; `offered`: the agent who is rung first. None: there is no menu to call with."""
    own = plan.site.callbacks
    menu = _menu(plan, row)
    if menu is None:
        return None
    first = rings_agent_first(plan, row)
    number, trunk = Private(row.number), own.trunk or row.trunk
    target, through, ring_ms = number, trunk, own.ring_ms
    if offered is not None:
        target, through, ring_ms = offered.agent.target, offered.agent.trunk, offered.ring_ms
    elif first:
        target, ring_ms = Private(own.target), TARGET_RING_MS
    shown = Private(own.caller or row.called)
    terms = plan.terms(menu, wall, dialled=True, peer=row.number, trunk=trunk)
    values = values_of(row)
    begin = Originate(
        target=target,
        trunk=through,
        caller=number if first else shown,
        terms=replace(terms, callbacks=None),  # a callback that is lost is tried again, and makes no new request
        ring_timeout_ms=ring_ms,
        rings_for_ms=0 if first else ring_ms,
        attributes={name: Private(value) for name, value in values.items()},
        language=row.language,
        errand=Errand(
            callback=CallbackId(row.id),
            about=CallId(row.call),
            number=number,
            caller=shown,
            attempt=row.attempts + 1,
            agent_first=first,
            queue=queue_of(plan, row) if offered is not None else "",
            agent=offered.agent.name if offered is not None else "",
            priority=own.priority,
            waited_ms=waited_ms,
            by_menu=bool(row.runs or own.menu) and not first,
        ),
    )
    return Order(begin, menu)


def _menu(plan: Plan, row: CallbackRow) -> Menu | None:
    site, own = plan.site, plan.site.callbacks
    agent_first = rings_agent_first(plan, row)
    if row.runs or (own.menu and not agent_first):
        return site.menus.get(row.runs or own.menu)
    from edge.config.tones import ringing_of  # the tables of all countries, and most sites call nobody back

    trunk = own.trunk or row.trunk
    tone = ringing_of(site, next((one for one in site.trunks if one.name == trunk), None))
    music = site.media.hold_music
    to = menus.Connection(
        queue=queue_of(plan, row),
        target=own.target,
        trunk=trunk,
        priority=own.priority,
        announcement=Sound(own.announcement, "announcement") if own.announcement else None,
        music=[Sound(music, "hold music")] if music else [],
        ringing=tone,
        language=row.language or "en",
        ring_ms=own.ring_ms,
    )
    return menus.agent_first(to) if agent_first else menus.caller_first(to)
