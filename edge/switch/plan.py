"""What switch takes from the site: routes, menus with their keys, media slots, terms of a call."""

from datetime import datetime
from hashlib import blake2b

from edge.config.callbacks import rules_of
from edge.config.campaign_menu import agent_menu, queue_menu
from edge.config.campaign_plan import QUEUE_MENU
from edge.config.compiled import CompiledSite
from edge.config.queues import floor_settings
from edge.config.trials import bounds_of, trial_of
from edge.config.trunk_settings import NO_MUSIC, AmdRules, amd_settings
from edge.core.calls.inputs import CallbackTerms, Seat, Terms
from edge.core.calls.leg import Leg
from edge.core.menus.model import TONE, Answered, Callback, Menu, Survey
from edge.core.routing import numbers
from edge.core.routing.did import DidTable
from edge.core.routing.trials import Assigned, Trial
from edge.switch.tables import Tables
from edge.vocabulary.dialing import AttemptOrder
from edge.vocabulary.ids import SlotIndex
from edge.vocabulary.media import Address
from edge.vocabulary.wire import pack

#: For calls of no trunk.
NO_RTP_MS = 300_000


def key_of(menu: Menu) -> tuple[str, bytes]:
    """Return the key and the bytes under which a menu is stored."""
    body = pack(menu)
    return blake2b(body, digest_size=16).hexdigest(), body


class Plan:
    """One loaded configuration. New calls use the latest; running calls keep their terms and their menu."""

    def __init__(self, site: CompiledSite) -> None:
        self.site = site
        self._routes = DidTable(list(site.routes))
        self._keys = {name: key_of(menu) for name, menu in site.menus.items()}
        #: Country of a trunk's national numbers, by its name.
        self.countries = {trunk.name: trunk.country for trunk in site.trunks if trunk.country}
        numbers.prepare([*self.countries.values(), site.callbacks.country])
        self._media_host6 = site.media.address6 or site.sip.address6
        self._tables = Tables(site.tables)
        #: Whether a menu has nodes that ask for callbacks, by its version.
        self._asking: dict[str, bool] = {}
        self._media_host = site.media.address or site.sip.address
        self._tried = {menu.version: key_of(menu) for menu in site.tried.values()}
        self.trials = [trial_of(trial, site.calendars, site.time_zone) for trial in site.trials]
        self.standards = [bounds_of(standard) for standard in site.standards]
        #: Nodes where a caller has what it called for, by menu.
        self.served = {standard.menu: frozenset(standard.served_at) for standard in site.standards}
        self._campaign_menus = {
            QUEUE_MENU + one.name: queue_menu(one, site.whispers.get(one.name)) for one in site.campaigns if one.queue
        }
        self.queues = floor_settings(site.agents, site.queues)
        #: What agents whose leg stays up hear as a call comes, and between calls; empty: nothing.
        self.line_tone = TONE + site.presence.line_tone if site.presence.line_tone else ""
        self.line_music = site.presence.line_music

    def route(self, called: str, called_e164: str, trunk: str) -> Menu | None:
        """Return the menu for a call, None when there is none."""
        name = self._routes.menu_for(called, called_e164, trunk)
        return self.site.menus.get(name) if name is not None else None

    def agent_menu(self, order: AttemptOrder) -> Menu:
        """Make the menu of an agent who is rung before the number of an order."""
        from edge.config.tones import ringing_of  # the tables of all countries, and most sites have no such agents

        trunk = next((one for one in self.site.trunks if one.name == order.trunk), None)
        campaign = next((one for one in self.site.campaigns if one.name == order.campaign), None)
        after = self.site.menus.get(campaign.result_menu) if campaign is not None else None
        return agent_menu(order.campaign, order.trunk, order.ring_timeout_ms, ringing_of(self.site, trunk), after)

    def campaign_menu(self, name: str) -> Menu | None:
        """Return a menu of the site, or the one that a campaign with a queue has."""
        return self.site.menus.get(name) or self._campaign_menus.get(name)

    def candidate(self, trial: Trial) -> Menu | None:
        """Return the menu that is on trial, None when it is not there."""
        return self.site.tried.get(trial.name) if trial.version else self.site.menus.get(trial.candidate)

    def attributes(self, table: str, number: str) -> dict[str, str]:
        """Return what a table says of a number in E.164; empty: it is not in it."""
        return self._tables.attributes(table, number)

    def stored(self, menu: Menu) -> tuple[str, bytes]:
        """Return key and bytes of a menu of this site, or of any other."""
        if self.site.menus.get(menu.name) is menu:
            return self._keys[menu.name]
        return self._tried.get(menu.version) or key_of(menu)

    def terms(
        self,
        menu: Menu | None,
        wall: datetime,
        *,
        dialled: bool = False,
        peer: str = "",
        trunk: str = "",
        callbacks: int = 0,
        assigned: Assigned | None = None,
    ) -> Terms:
        """Settle the terms of a call that begins at `wall`; `dialled`: one that we make. `peer`: whom it is with.

        `peer` is a number in E.164; empty: not known, or hidden. `trunk` is the one that it comes by (in a
        rehearsal it may have a clock of its own), `callbacks` how many requests to be called back are open.
        `assigned`: the trial that the call is part of.
        """
        day = f"{self.site.paths.recordings}/{wall:%Y/%m/%d}"
        return Terms(
            menu=menu.name if menu is not None else "",
            menu_version=menu.version if menu is not None else "",
            menu_key=self.stored(menu)[0] if menu is not None else "",
            trial=assigned.trial if assigned is not None else "",
            arm=assigned.arm if assigned is not None else "",
            wall_ms=self.site.clocks.get(trunk, int(wall.timestamp() * 1000)),
            rows=self._tables.rows(menu, peer) if menu is not None and peer else {},
            max_call_ms=self.site.limits.max_call_seconds * 1000,
            recordings=day if self.site.recording.enabled else "",
            messages=day,
            amd={trunk.name: self._amd(trunk.amd_rules) for trunk in self.site.trunks if trunk.amd},
            answering=self._answering(menu) if dialled else {},
            tones={trunk.name: trunk.tones for trunk in self.site.trunks if trunk.tones},
            hold_music=self._hold_music(),
            no_rtp_ms={"": NO_RTP_MS} | {one.name: one.no_rtp_hangup_seconds * 1000 for one in self.site.trunks},
            answer_after_ms={one.name: one.answer_after_ms for one in self.site.trunks if one.answer_after_ms},
            own_ringing=[trunk.name for trunk in self.site.trunks if not trunk.early_media],
            auto_level=[trunk.name for trunk in self.site.trunks if trunk.auto_level],
            country=self.countries.get(trunk, ""),
            callbacks=self._callbacks(menu, callbacks),
        )

    def _callbacks(self, menu: Menu | None, open_now: int) -> CallbackTerms | None:
        """Return what holds for callbacks of a call; None where nothing can lead to one."""
        own = self.site.callbacks
        lost = own.lost and menu is not None and (not own.lost_menus or menu.name in own.lost_menus)
        if menu is None or not (lost or self._asks_for_callbacks(menu)):
            return None
        return CallbackTerms(
            rules=rules_of(self.site),
            lost_after_ms=own.lost_after_ms if lost else None,
            lost_nodes=own.lost_nodes if lost else [],
            full=open_now >= own.max_open,
        )

    def _asks_for_callbacks(self, menu: Menu) -> bool:
        known = self._asking.get(menu.version)
        if known is None:
            nodes = menu.nodes.values()
            known = any(isinstance(node, Callback) or (isinstance(node, Survey) and bool(node.menu)) for node in nodes)
            self._asking[menu.version] = known
        return known

    def _hold_music(self) -> dict[str, str]:
        """Return files by the trunk, that of all others under ""."""
        own = {trunk.name: trunk.hold_music for trunk in self.site.trunks if trunk.hold_music}
        files = {"": self.site.media.hold_music, **own}
        return {name: "" if file == NO_MUSIC else file for name, file in files.items() if file}

    def _answering(self, menu: Menu | None) -> dict[str, dict[str, int]]:
        """Return the rules of each trunk when the menu asks who answered: to ask is to want it detected."""
        if menu is None or not any(isinstance(node, Answered) for node in menu.nodes.values()):
            return {}
        return self.answering_rules()

    def answering_rules(self) -> dict[str, dict[str, int]]:
        """Return the rules by which it is told who answered, of each trunk; those of others under ""."""
        return {"": self._amd("")} | {trunk.name: self._amd(trunk.amd_rules) for trunk in self.site.trunks}

    def _amd(self, name: str) -> dict[str, int]:
        """Return rules by their name, the defaults where there are none of it."""
        rules = next((one for one in self.site.amd_rules if one.name == name), None)
        return amd_settings(rules if rules is not None else AmdRules(name="defaults"))

    def shown(self, leg: Leg) -> str:
        """Return where a leg's audio is on our side, as its peer knows it but for NAT; empty: it has no slot."""
        if leg.seat is None:
            return ""
        six = self._media_host6 if leg.remote is not None and ":" in leg.remote.rtp.host else ""
        return str(Address(six or leg.seat.address.host, leg.seat.address.port))

    def seat(self, slot: SlotIndex) -> Seat:
        """Return a slot with its RTP address: port pairs from `media.first_port` up."""
        return Seat(slot, Address(self._media_host, self.site.media.first_port + 2 * slot))
