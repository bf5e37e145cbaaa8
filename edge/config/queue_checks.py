"""Agents and queues: that they are there, once each, that agents can be called, and that somebody takes the calls."""

import os
from collections.abc import Mapping

from edge.config import kinds
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, place_of
from edge.config.queues import Agent, Queue
from edge.config.site import Site
from edge.config.tones import tone_fault


def check_queues(site: Site, root: Located, findings: Findings) -> None:
    """Check all agents and queues."""
    trunks = {trunk.name: bool(trunk.address) for trunk in site.trunks}
    trunks |= {group.name: any(trunks.get(one.trunk) for one in group.members) for group in site.trunk_groups}
    agents = {agent.name for agent in site.agents}
    ids: dict[str, str] = {}
    for index, agent in enumerate(site.agents):
        _check_target(agent, index, trunks, root, findings)
        _check_log_in(agent, index, ids, root, findings)
    for index, queue in enumerate(site.queues):
        _check_queue(queue, index, agents, root, findings)
    _check_lines(site, root, findings)
    used = {member.agent for queue in site.queues for member in queue.agents}
    for index, agent in enumerate(site.agents):
        if agent.name and agent.name not in used:
            findings.warning(place_of(root, ("agents", index)), f"agent '{agent.name}' is in no queue")


def _check_lines(site: Site, root: Located, findings: Findings) -> None:
    """Check what legs that stay up need."""
    presence = site.presence
    if presence.line_tone and (fault := tone_fault(presence.line_tone)):
        findings.follow_up(place_of(root, ("presence", "line_tone")), fault)
    if presence.line_music and not os.access(presence.line_music, os.R_OK):
        place = place_of(root, ("presence", "line_music"))
        findings.follow_up(place, f"the file {presence.line_music} cannot be read")
    for index, agent in enumerate(site.agents):
        if agent.line != "nailed_up":
            continue
        place = place_of(root, ("agents", index, "line"))
        if site.media.engines > 1:
            what = f"the leg of agent '{agent.name}' is on one engine, and callers may be on others"
            findings.follow_up(place, what, 'set engines = 1 in [media], or line = "on_demand"')
        if not agent.target and not agent.pin:
            what = f"agent '{agent.name}' can neither be called nor log in by phone"
            findings.follow_up(place, what, "set target, or id and pin")


def _check_queue(queue: Queue, index: int, agents: set[str], root: Located, findings: Findings) -> None:
    at = ("queues", index)
    if not queue.agents:
        findings.follow_up(place_of(root, (*at, "agents")), f"queue '{queue.name}' has no agents")
    seen: set[str] = set()
    for number, member in enumerate(queue.agents):
        place = place_of(root, (*at, "agents", number))
        if not member.agent:
            continue  # missing or malformed, and already reported
        if member.agent not in agents:
            findings.follow_up(place, f"there is no agent '{member.agent}'", did_you_mean(member.agent, agents))
        if member.agent in seen:
            findings.follow_up(place, f"agent '{member.agent}' is in queue '{queue.name}' twice")
        seen.add(member.agent)
    if queue.ring_timeout_ms > queue.max_wait_ms:
        findings.warning(
            place_of(root, (*at, "ring_timeout")),
            f"an agent of queue '{queue.name}' may be rung for longer than anybody waits",
        )


def _check_log_in(agent: Agent, index: int, ids: dict[str, str], root: Located, findings: Findings) -> None:
    place = place_of(root, ("agents", index, "id"))
    if agent.id and agent.id in ids:
        findings.follow_up(place, f"agents '{ids[agent.id]}' and '{agent.name}' have the same id")
    elif agent.id:
        ids[agent.id] = agent.name
    if agent.pin and not agent.id:
        findings.follow_up(place_of(root, ("agents", index)), f"agent '{agent.name}' has a PIN and no id", "set id")
    if not agent.target and not agent.signs_in and agent.line == "on_demand":
        place = place_of(root, ("agents", index))
        findings.follow_up(place, f"agent '{agent.name}' has no target", "set target, or signs_in = true")


def _check_target(agent: Agent, index: int, trunks: Mapping[str, bool], root: Located, findings: Findings) -> None:
    place = place_of(root, ("agents", index, "target"))
    is_uri = ":" in agent.target or "@" in agent.target
    if agent.target:
        fault = kinds.sip_uri_fault(agent.target) if is_uri else kinds.dial_number_fault(agent.target)
        if fault:
            findings.follow_up(place, fault, "" if is_uri else "or write sip:user@host:port")
        elif not is_uri and not agent.trunk:
            findings.follow_up(place, f"the number of agent '{agent.name}' needs a trunk to be dialled on", "set trunk")
    if agent.trunk and agent.trunk not in trunks:
        place = place_of(root, ("agents", index, "trunk"))
        findings.follow_up(place, f"there is no trunk '{agent.trunk}'", did_you_mean(agent.trunk, trunks))
    elif agent.trunk and not is_uri and not trunks[agent.trunk]:
        place = place_of(root, ("agents", index, "trunk"))
        findings.follow_up(place, f"trunk '{agent.trunk}' has no address to dial numbers on")
