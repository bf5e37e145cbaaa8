"""A second leg for the caller."""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from edge.core.menus.parts import Announcement, NodeId, Sound, Target, Whisper
from edge.core.menus.visit import Visit, Way
from edge.core.menus.words import Dial, MenuInput, TransferEnded
from edge.vocabulary.hunting import HuntStrategy


class Transfer(Struct, frozen=True, tag="transfer", kw_only=True):
    """Dial a target, or one of several, and bridge it with the caller. Ends the menu when the bridged call ends."""

    #: SIP URI, or a number dialled on `trunk`. `${name}` in it is filled when it is dialled; a value that is missing,
    #: or has characters that mean something in a URI, is a failure. Empty where there are `targets`.
    target: str = ""
    trunk: str = ""
    #: `refer`: the caller is asked to go there by itself (REFER), and the call ends when it has.
    by: Literal["bridge", "refer"] = "bridge"
    ring_timeout_ms: int = 22000
    #: Several, in the place of the one above; see `words.Dial`.
    targets: list[Target] = []
    strategy: HuntStrategy = "linear"
    hunt_list: str = ""
    skip_busy: bool = False
    hunt_timeout_ms: int = 0
    #: Played to the caller, for ever, while a target rings (early media of the target replaces it).
    ringing: list[Sound] = []
    #: Said to a target that has answered, before it is connected.
    whisper: Whisper | None = None
    #: Said while the two talk.
    announcement: Announcement | None = None
    #: By outcome (`busy`, `no_answer`, ...); anything else goes to `failed`.
    on_outcome: dict[str, NodeId] = {}
    failed: NodeId
    #: Where the caller goes when the target hangs up; empty: the call ends.
    after: NodeId = ""

    @property
    def all_targets(self) -> list[Target]:
        """Whom it dials."""
        if self.targets:
            return self.targets
        return [Target(target=self.target, trunk=self.trunk, ring_timeout_ms=self.ring_timeout_ms)]


class TransferVisit(Visit[Transfer]):
    """Over when the talk is, or when there was none. Keys go to whom the caller talks with."""

    keeps_keys = False
    state = "transfer"

    def enter(self) -> Way:
        """Dial. A target that a value is missing in is not there; without any the transfer has failed."""
        node, walk = self.node, self.walk
        walk.ahead.clear()
        filled = [
            replace(one, target=target)
            for one in node.all_targets
            if (target := walk.values.fill_target(one.target, walk.now_ms)) is not None
        ]
        if not filled:
            return node.failed
        whisper = node.whisper
        walk.do(
            Dial(
                targets=filled,
                strategy=node.strategy,
                hunt_list=node.hunt_list,
                skip_busy=node.skip_busy,
                hunt_timeout_ms=node.hunt_timeout_ms,
                ringing=walk.heard(node.ringing),
                whisper=replace(whisper, sounds=walk.heard(whisper.sounds)) if whisper is not None else None,
                announcement=walk.announced(node.announcement),
                by=node.by,
            )
        )
        return None

    def told(self, input: MenuInput) -> Way:  # noqa: A002
        """Go on by what came of it."""
        if not isinstance(input, TransferEnded):
            return None
        if input.outcome:
            return self.node.on_outcome.get(input.outcome, self.node.failed)
        if self.node.after:
            return self.node.after
        self.walk.end("")
        return None
