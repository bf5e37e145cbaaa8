"""A compiled menu: what the loader makes of a YAML file and what the interpreter walks through.

Every name in it has been resolved: a node's `next` is the id of a node of the same menu, a sound is an absolute path.
"""

from msgspec import Struct

from edge.core.menus.calendar import UTC_ZONE, Calendar, Zone
from edge.core.menus.kinds.answered import Answered, AnsweredVisit
from edge.core.menus.kinds.ask import Ask, AskVisit
from edge.core.menus.kinds.bridged import Bridged, BridgedVisit
from edge.core.menus.kinds.callback import Callback, CallbackVisit
from edge.core.menus.kinds.checks import Check
from edge.core.menus.kinds.dial import Dial, DialVisit
from edge.core.menus.kinds.do_not_call import DoNotCall, DoNotCallVisit
from edge.core.menus.kinds.gather import FLASH_CHOICE, Commands, Confirm, Gather, GatherVisit, is_left
from edge.core.menus.kinds.hang_up import HangUp, HangUpVisit
from edge.core.menus.kinds.hours import Hours, HoursVisit
from edge.core.menus.kinds.language import Language, LanguageVisit
from edge.core.menus.kinds.listen import Listen, ListenVisit
from edge.core.menus.kinds.lookup import Lookup, LookupVisit
from edge.core.menus.kinds.park import Park, ParkVisit
from edge.core.menus.kinds.play import Play, PlayVisit
from edge.core.menus.kinds.press import Press, PressVisit
from edge.core.menus.kinds.queue import Queue, QueueVisit
from edge.core.menus.kinds.record import Record, RecordVisit, Review, Voicemail, VoicemailVisit
from edge.core.menus.kinds.set import Set, SetVisit
from edge.core.menus.kinds.submenu import Return, ReturnVisit, Submenu, SubmenuVisit
from edge.core.menus.kinds.survey import Question, Survey, SurveyVisit
from edge.core.menus.kinds.transfer import Transfer, TransferVisit
from edge.core.menus.kinds.wait import Wait, WaitVisit
from edge.core.menus.kinds.when import Case, When, WhenVisit
from edge.core.menus.parts import TONE, Announcement, Attribute, NodeId, Reading, Sound, Target, Whisper
from edge.core.menus.visit import Visit

__all__ = [
    "FLASH_CHOICE",
    "TONE",
    "VISITS",
    "Announcement",
    "Answered",
    "Ask",
    "Attribute",
    "Bridged",
    "Calendar",
    "Callback",
    "Case",
    "Check",
    "Commands",
    "Confirm",
    "Dial",
    "DoNotCall",
    "Gather",
    "HangUp",
    "Hours",
    "Language",
    "Limits",
    "Listen",
    "Lookup",
    "Menu",
    "Node",
    "NodeId",
    "Park",
    "Play",
    "Press",
    "Question",
    "Queue",
    "Reading",
    "Record",
    "Return",
    "Review",
    "Set",
    "Sound",
    "Submenu",
    "Survey",
    "Target",
    "Transfer",
    "Voicemail",
    "Wait",
    "When",
    "Whisper",
    "Zone",
    "is_left",
    "kind_of",
]

Node = (
    Play
    | Gather
    | Dial
    | Transfer
    | Record
    | Voicemail
    | Queue
    | Language
    | Set
    | When
    | Hours
    | Lookup
    | Ask
    | Callback
    | Survey
    | Submenu
    | Return
    | Listen
    | Answered
    | DoNotCall
    | Press
    | Wait
    | Park
    | Bridged
    | HangUp
)

#: What a call does at a node of each kind.
VISITS: dict[type, type[Visit]] = {  # type: ignore[type-arg]
    Play: PlayVisit,
    Gather: GatherVisit,
    Dial: DialVisit,
    Transfer: TransferVisit,
    Record: RecordVisit,
    Voicemail: VoicemailVisit,
    Queue: QueueVisit,
    Language: LanguageVisit,
    Set: SetVisit,
    When: WhenVisit,
    Hours: HoursVisit,
    Lookup: LookupVisit,
    Ask: AskVisit,
    Callback: CallbackVisit,
    Survey: SurveyVisit,
    Submenu: SubmenuVisit,
    Return: ReturnVisit,
    Listen: ListenVisit,
    Answered: AnsweredVisit,
    DoNotCall: DoNotCallVisit,
    Press: PressVisit,
    Wait: WaitVisit,
    Park: ParkVisit,
    Bridged: BridgedVisit,
    HangUp: HangUpVisit,
}


class Limits(Struct, frozen=True, kw_only=True):
    """What no call can exceed, whatever is pressed."""

    #: In the menu; while the caller talks with somebody the time stands still.
    time_ms: int = 3_600_000
    #: Entered, repeats included.
    nodes: int = 2000


class Menu(Struct, frozen=True, kw_only=True):
    """A compiled menu file."""

    name: str
    #: Content hash of source and sounds: which version a call runs on.
    version: str
    start: NodeId
    nodes: dict[NodeId, Node]
    #: The one that the call begins in.
    language: str = "en"
    #: What is declared; `KNOWN_ATTRIBUTES` are there, too.
    attributes: dict[str, Attribute] = {}
    #: In which `time`, `date` and `weekday` are told.
    zone: Zone = UTC_ZONE
    limits: Limits = Limits()
    #: Files of the words that values are read out with, by language and word.
    words: dict[str, dict[str, str]] = {}
    #: Of each sound file that is a copy kept with this version, where the author's own is: what there is to mend.
    origins: dict[str, str] = {}

    @property
    def sensitive(self) -> bool:
        """Whether it asks for something that nobody may overhear."""
        return any(getattr(node, "sensitive", False) for node in self.nodes.values())


def kind_of(node: Node) -> str:
    """Return the word for a node's kind, as in the source and in events."""
    return str(node.__struct_config__.tag)
