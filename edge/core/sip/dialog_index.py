"""How dialogs and what is left of them are found, and how many of them a trunk has."""

from collections import Counter
from collections.abc import Container

from edge.core.sip.dialogs import Dialog, Tombstone
from edge.vocabulary.ids import LegId


class Channels:
    """How many calls each trunk carries, both directions, with those that a span is reserved for.

    It is kept rather than counted, so a limit costs a new call nothing; every leg stands at one trunk or at none.
    """

    def __init__(self) -> None:
        self._trunks: dict[LegId, str] = {}
        self._counts: Counter[str] = Counter()

    def take(self, leg: LegId, trunk: str) -> None:
        """Note that a leg is carried by `trunk` now, wherever it was before."""
        if self._trunks.get(leg) != trunk:
            self.free(leg)
            self._trunks[leg] = trunk
            self._counts[trunk] += 1

    def free(self, leg: LegId) -> None:
        """Note that a leg takes no channel any more; harmless when it took none."""
        trunk = self._trunks.pop(leg, None)
        if trunk is not None:
            self._counts[trunk] -= 1
            if not self._counts[trunk]:
                del self._counts[trunk]

    def note(self, dialog: Dialog) -> None:
        """Bring the count up to date with a dialog that has changed: what is only being ended takes no channel."""
        if dialog.orphan or dialog.state == "refused":
            self.free(dialog.leg)
        else:
            self.take(dialog.leg, dialog.trunk)

    def of(self, trunk: str) -> int:
        """Count the calls of a trunk."""
        return self._counts[trunk]

    def all(self) -> dict[str, int]:
        """Return the counts of all trunks that carry calls; calls of no trunk under the empty name."""
        return dict(self._counts)


class Dialogs:
    """All dialogs and tombstones, by every key that a message can be found by."""

    def __init__(self) -> None:
        self.by_leg: dict[LegId, Dialog] = {}
        self._by_invite: dict[tuple[str, str], Dialog] = {}
        self._by_own: dict[tuple[str, str], Dialog] = {}
        self.tombs: dict[LegId, Tombstone] = {}
        self._tomb_by_tag: dict[tuple[str, str], Tombstone] = {}
        #: Hosts that may speak up in their calls although no trunk names them: we have dialled them, or a reload has
        #: taken away the trunk that they had called by.
        self._direct: dict[str, int] = {}
        #: Grows whenever a host comes to them.
        self.direct_version = 0
        #: Call-ID -> dialogs that have it.
        self._calls: dict[str, int] = {}
        #: Incoming ones that may still wait for an answer or its ACK: new calls are counted beside these only.
        self._pending: dict[LegId, Dialog] = {}
        self.channels = Channels()

    def add(self, dialog: Dialog) -> None:
        """Take a new dialog in."""
        self.by_leg[dialog.leg] = dialog
        self.channels.note(dialog)
        if dialog.incoming:
            self._pending[dialog.leg] = dialog
            self._by_invite[dialog.call_id, dialog.peer_tag] = dialog
        if dialog.own_tag:
            self._by_own[dialog.call_id, dialog.own_tag] = dialog
        self._calls[dialog.call_id] = self._calls.get(dialog.call_id, 0) + 1
        for host in _direct_hosts(dialog):
            self._count_host(host)

    def _count_host(self, host: str) -> None:
        self.direct_version += host not in self._direct
        self._direct[host] = self._direct.get(host, 0) + 1

    def dialled(self, dialog: Dialog, host: str) -> None:
        """Note that a leg is dialled to another host than at first."""
        dialog.dialled.append(host)
        self._count_host(host)

    def outlive(self, trunks: Container[str]) -> None:
        """Let who has called by a trunk that is not among `trunks` any more still end the call."""
        for dialog in self.by_leg.values():
            if dialog.incoming and dialog.trunk not in trunks and not dialog.dialled:
                self.dialled(dialog, dialog.first_host)

    def set_own_tag(self, dialog: Dialog, tag: str) -> None:
        """Our side's tag became known."""
        dialog.own_tag = tag
        self._by_own[dialog.call_id, tag] = dialog

    def remove(self, dialog: Dialog, tomb: Tombstone) -> None:
        """Replace a dialog by its tombstone."""
        self.by_leg.pop(dialog.leg, None)
        self.channels.free(dialog.leg)
        self._pending.pop(dialog.leg, None)
        if self._by_invite.get((dialog.call_id, dialog.peer_tag)) is dialog:
            del self._by_invite[dialog.call_id, dialog.peer_tag]
        if self._by_own.get((dialog.call_id, dialog.own_tag)) is dialog:
            del self._by_own[dialog.call_id, dialog.own_tag]
        self._calls[dialog.call_id] -= 1
        if not self._calls[dialog.call_id]:
            del self._calls[dialog.call_id]
        for host in _direct_hosts(dialog):
            self._direct[host] -= 1
            if not self._direct[host]:
                del self._direct[host]
        self.add_tomb(tomb)

    def add_tomb(self, tomb: Tombstone) -> None:
        """Take a tombstone in."""
        self.tombs[tomb.leg] = tomb
        for tag in (tomb.peer_tag, tomb.own_tag):
            if tag:
                self._tomb_by_tag[tomb.call_id, tag] = tomb

    def forget(self, leg: LegId) -> None:
        """Drop an expired tombstone."""
        tomb = self.tombs.pop(leg, None)
        if tomb is not None:
            for tag in (tomb.peer_tag, tomb.own_tag):
                if self._tomb_by_tag.get((tomb.call_id, tag)) is tomb:
                    del self._tomb_by_tag[tomb.call_id, tag]

    def of_invite(self, call_id: str, from_tag: str) -> Dialog | None:
        """Incoming dialog that an INVITE or CANCEL without To tag belongs to."""
        return self._by_invite.get((call_id, from_tag))

    def of_tags(self, call_id: str, own_tag: str) -> Dialog | None:
        """Dialog of an in-dialog request of a peer."""
        return self._by_own.get((call_id, own_tag))

    def tomb_of(self, call_id: str, tag: str) -> Tombstone | None:
        """Tombstone that has `tag` on either side."""
        return self._tomb_by_tag.get((call_id, tag))

    def has_call(self, call_id: str) -> bool:
        """Whether a dialog has this Call-ID."""
        return call_id in self._calls

    def pending_of(self, trunk: str) -> int:
        """Count the calls of a trunk whose INVITE has no final response yet, or one that was not acknowledged."""
        # A call that was confirmed or has failed is never pending again.
        for dialog in [one for one in self._pending.values() if one.state not in ("offered", "early", "answered")]:
            del self._pending[dialog.leg]
        return sum(dialog.trunk == trunk for dialog in self._pending.values())

    @property
    def direct_hosts(self) -> list[str]:
        """Hosts that no trunk need name: those of calls that are up."""
        return list(self._direct)

    def is_direct(self, host: str) -> bool:
        """Whether a leg that is up was dialled to `host`, or has outlived the trunk that `host` had called by."""
        return host in self._direct


def _direct_hosts(dialog: Dialog) -> list[str]:
    return dialog.dialled if dialog.incoming else [dialog.first_host, *dialog.dialled]
