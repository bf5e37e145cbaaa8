"""What is known of a device that carries a line, or of a board that we run on: a file in `firmware_profiles`.

The words in `Meta(extra=...)` are those of `edge.config.shape`. Durations are written with their unit (`"5s"`).
"""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

DeviceKind = Literal["modem", "fxo_modem", "sound_card", "relay_board", "board"]
#: The kinds of files of `firmware_profiles` that are devices of ours; all others are gateways behind SIP.
DEVICE_KINDS: Final[tuple[DeviceKind, ...]] = ("modem", "fxo_modem", "sound_card", "relay_board", "board")

#: What a line that the modem sends on its own can mean.
Meaning = Literal[
    "ring",  # a call comes in; `number` where it says whose
    "caller",  # whose call it is: `number`, and `validity` (TS 27.007, 7.11) or a number P or O (V.253) when withheld
    "waiting",  # a second call comes in during one
    "dialling",  # our call has left
    "alerting",  # it rings there
    "connected",  # it was answered
    "ended",  # the call is over: `cause` is a figure of Q.850
    "busy",
    "no_answer",
    "no_carrier",
    "no_dialtone",
    "rejected",
    "digit",  # a key of the other side: `digit`
    "sms_stored",  # a message was stored: `index`
    "signal",  # `rssi`, as +CSQ has it
    "registration",  # `status`, as +CREG has it
    "sim_lost",
    "sim_ready",
    "pin_needed",
    "restarted",  # the modem has begun anew: its settings are gone
    "ignored",
]
#: Named groups that a pattern of each meaning may have; those that it must have are in `NEEDED_GROUPS`.
GROUPS: Final[dict[str, frozenset[str]]] = {
    "ring": frozenset({"number"}),
    "caller": frozenset({"number", "validity"}),
    "ended": frozenset({"cause"}),
    "digit": frozenset({"digit"}),
    "sms_stored": frozenset({"index"}),
    "signal": frozenset({"rssi"}),
    "registration": frozenset({"status"}),
}
NEEDED_GROUPS: Final[dict[str, frozenset[str]]] = {
    "caller": frozenset({"number"}),
    "digit": frozenset({"digit"}),
    "sms_stored": frozenset({"index"}),
    "signal": frozenset({"rssi"}),
    "registration": frozenset({"status"}),
}


def _range(least: int, most: int) -> Any:
    return Meta(extra={"least": least, "most": most})


class Find(Struct, frozen=True, kw_only=True):
    """How the device is found. Names such as ttyUSB0 change with every start and are never asked for."""

    #: USB vendor and product in hexadecimal, `1e0e:9001`; several for one model in several modes.
    usb: list[Annotated[str, Meta(extra={"kind": "usb_id"})]] = field(default_factory=list)
    #: Number of the USB interface (`bInterfaceNumber`) whose serial port takes commands.
    control_interface: Annotated[int | None, _range(0, 31)] = None
    #: Number of the USB interface whose serial port carries sound (`[sound] how = "serial_pcm"`).
    sound_interface: Annotated[int | None, _range(0, 31)] = None
    #: Part of the sound card's name where it is not on the same USB device.
    sound_card: str = ""


class Serial(Struct, frozen=True, kw_only=True):
    """Settings of the control port."""

    #: Bits a second.
    baudrate: Annotated[int, _range(300, 4_000_000)] = 115200
    #: Bits of a character.
    bytesize: Annotated[int, _range(5, 8)] = 8
    #: Parity bit.
    parity: Literal["none", "even", "odd", "mark", "space"] = "none"
    #: Stop bits.
    stopbits: Annotated[int, _range(1, 2)] = 1
    #: Flow control by RTS and CTS.
    rtscts: bool = False
    #: State of DTR while the port is open.
    dtr: bool = True


class Command(Struct, frozen=True, kw_only=True):
    """A command of a list; a text alone is its `send`."""

    #: Without the carriage return.
    send: Annotated[str, Meta(extra={"kind": "at_command"})]
    #: The line goes on where the modem refuses it.
    optional: bool = False
    #: How long an answer may take; none: `[dialogue.timeouts] command`.
    timeout_ms: Annotated[int | None, _range(100, 300_000)] = None
    #: Wait as long before it is sent.
    pause_ms: Annotated[int, _range(0, 60_000)] = 0


#: A command as an item of a list.
CommandText = Annotated[Command, Meta(extra={"short": "send"})]


class Unsolicited(Struct, frozen=True, kw_only=True):
    """A line that the modem sends on its own, and what it means. The first that matches counts."""

    #: A regular expression (Python's) for the whole line, with named groups as `means` has them.
    match: Annotated[str, Meta(extra={"kind": "line_pattern"})]
    #: What it means; below is a list.
    means: Meaning


class ErrorReply(Struct, frozen=True, kw_only=True):
    """A final answer other than OK, and what it says of the line or the call."""

    #: A regular expression (Python's) for the whole line.
    match: Annotated[str, Meta(extra={"kind": "line_pattern"})]
    #: What it means.
    means: Literal["no_sim", "pin_needed", "no_service", "busy", "no_carrier", "no_dialtone", "no_answer", "error"]


class Identify(Struct, frozen=True, kw_only=True):
    """Commands that ask who it is; an empty one is not asked."""

    #: Asks who makes it.
    vendor: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+CGMI"
    #: Asks for the model.
    model: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+CGMM"
    #: Asks for the version.
    firmware: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+CGMR"
    #: Asks for the IMEI, or a serial number.
    imei: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+CGSN"


class Timeouts(Struct, frozen=True, kw_only=True):
    """How long things may take."""

    #: A command without a time of its own.
    command_ms: Annotated[int, _range(100, 60_000)] = 5_000
    #: From dialling until it is answered.
    dial_ms: Annotated[int, _range(10_000, 300_000)] = 90_000
    #: From answering until the modem says that the call is up.
    answer_ms: Annotated[int, _range(1_000, 60_000)] = 20_000
    #: From hanging up until the modem says that it has.
    hang_up_ms: Annotated[int, _range(1_000, 60_000)] = 10_000
    #: An incoming call is over when it has not rung for so long.
    ring_ms: Annotated[int, _range(2_000, 30_000)] = 8_000
    #: From a restart until it takes commands.
    start_ms: Annotated[int, _range(1_000, 120_000)] = 30_000


class Dialogue(Struct, frozen=True, kw_only=True):
    """The dialogue of commands (ITU-T V.250, 3GPP TS 27.007; V.253 for voice modems)."""

    #: `mobile`: calls by ATD and its reports; `voice_modem`: voice mode of V.253, codes and sound shielded by DLE.
    style: Literal["mobile", "voice_modem"] = "mobile"
    #: Sent in this order when the port is open, after each restart of the modem, and until each is answered.
    init: list[CommandText] = field(default_factory=list)
    #: Calls `{number}`.
    dial: Annotated[str, Meta(extra={"kind": "at_command"})] = "ATD{number};"
    #: Answers the call that comes in.
    answer: Annotated[str, Meta(extra={"kind": "at_command"})] = "ATA"
    #: Ends a call; the next one is tried where the modem refuses one.
    hang_up: list[Annotated[str, Meta(extra={"kind": "at_command"})]] = field(
        default_factory=lambda: ["AT+CHUP", "ATH"]
    )
    #: Sends `{digit}` to the other side; empty: it cannot, and keys go as tones in the sound.
    digit: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+VTS={digit}"
    #: Pause between two keys.
    digit_pause_ms: Annotated[int, _range(0, 2_000)] = 200
    #: Send nothing from dialling until it rings there (at most 15 s): firmware that hangs otherwise.
    quiet_until_alerting: bool = False
    #: Sent when sound is to begin: with the dialling, or when the call is up (`sound_at`).
    sound_on: list[CommandText] = field(default_factory=list)
    #: When sound begins.
    sound_at: Literal["dialling", "connected"] = "dialling"
    #: Octets that end sound within the control stream (V.253: <DLE>^ ends both directions).
    sound_end: Annotated[str, Meta(extra={"kind": "octets"})] = "10 5E"
    #: Sent when the call is over.
    sound_off: list[CommandText] = field(default_factory=list)
    #: How the state of a call is known: by reports alone, or by asking (AT+CLCC) beside them.
    calls: Literal["reports", "clcc"] = "clcc"
    #: How often AT+CLCC is asked during a call.
    clcc_every_ms: Annotated[int, _range(200, 10_000)] = 1_000
    #: Asks for the signal; empty: not asked.
    signal: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+CSQ"
    #: Asks for the operator; empty: not asked.
    operator: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+COPS?"
    #: Asks for the registration in the network; empty: not asked, and always there.
    registration: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+CREG?"
    #: Asks for the SIM; empty: not asked, and always there.
    sim: Annotated[str, Meta(extra={"kind": "at_command", "optional": True})] = "AT+CPIN?"
    #: How often signal, operator, registration and SIM are asked for; also how soon silence is noticed.
    status_every_ms: Annotated[int, _range(2_000, 600_000)] = 30_000
    #: Short messages are read, told and deleted (AT+CMGR, AT+CMGD; text mode, UCS2).
    sms: bool = False
    identify: Identify = Identify()
    unsolicited: list[Unsolicited] = field(default_factory=list)
    errors: list[ErrorReply] = field(default_factory=list)
    timeouts: Timeouts = Timeouts()


class Sound(Struct, frozen=True, kw_only=True):
    """Where its sound is, and what is done to it."""

    #: `uac`: a sound card (USB Audio Class, or any other); `serial_pcm`: a second serial port; `control`: within the
    #: control stream, shielded by DLE (V.253); `none`.
    how: Literal["uac", "serial_pcm", "control", "none"] = "none"
    #: Samples a second at the device.
    rate: Annotated[int, _range(8_000, 48_000)] = 8_000
    #: Of `serial_pcm` and `control`; a sound card takes s16.
    encoding: Literal["s16le", "u8", "ulaw", "alaw"] = "s16le"
    #: What is put to the level of what is heard, in dB.
    gain_in_db: Annotated[int, _range(-40, 40)] = 0
    #: The same for what is said.
    gain_out_db: Annotated[int, _range(-40, 40)] = 0
    #: There is sound before the answer of a call that we make, with the network's ringing and announcements in it: the
    #: caller hears it from where it is loud on (183), and tones are looked for in it.
    early: bool = False
    #: Whether its other side hears itself: `line`, a hybrid's reflection; `acoustic`, loudspeaker into microphone.
    echo: Literal["none", "line", "acoustic"] = "none"


class DeviceDsp(Struct, frozen=True, kw_only=True):
    """Settings of the trunk that the line is; the words are those of a trunk, which wins where it says otherwise."""

    #: How keys reach it: `info`: the modem sends them (AT+VTS); `inband`: tones in the sound.
    dtmf: Literal["info", "inband"] = "inband"
    #: Whether keys are looked for in the sound.
    inband_dtmf: Literal["auto", "always", "never"] = "always"
    #: Call progress tones of the network are in the sound, and say what the modem does not.
    tones: bool = False
    #: Shortest tone that is a key.
    min_tone_ms: Annotated[int | None, _range(40, 80)] = None
    #: Shortest pause between two keys.
    min_pause_ms: Annotated[int | None, _range(40, 70)] = None
    #: Bring what is heard to one level.
    auto_level: bool = False


class Limits(Struct, frozen=True, kw_only=True):
    """What it cannot do, or must not be asked to."""

    #: Calls at once; a second one that comes in is refused.
    calls: Annotated[int, _range(0, 1)] = 1
    #: Longest number that it dials.
    digits: Annotated[int, _range(1, 40)] = 32
    #: Pause after a call before the next is dialled.
    rest_ms: Annotated[int, _range(0, 60_000)] = 0


class Quirk(Struct, frozen=True, kw_only=True):
    """Something that it does otherwise than its standard or its manual, and what was done about it."""

    #: What it does.
    what: str
    #: What is done about it, and why.
    reason: str
    #: Where that is known from.
    source: str


class RelayBoard(Struct, frozen=True, kw_only=True):
    """A board with relays on a serial port."""

    #: How many relays there are.
    channels: Annotated[int, _range(1, 32)] = 1
    #: What is written to switch a channel on: octets in hexadecimal, `{channel}` (its number as an octet),
    #: `{digit}` (its number as an ASCII digit) and `{sum}` (the sum of all octets before, modulo 256).
    on: Annotated[str, Meta(extra={"kind": "octets"})]
    #: The same, to switch it off.
    off: Annotated[str, Meta(extra={"kind": "octets"})]
    #: Number of the first channel.
    first: Annotated[int, _range(0, 1)] = 1
    #: What its contacts carry, for people who wire it.
    contacts: str = ""


class Led(Struct, frozen=True, kw_only=True):
    """A light of the board under /sys/class/leds."""

    #: Its folder there.
    name: Annotated[str, Meta(extra={"kind": "led"})]
    #: `ready`: on when the appliance is ready, blinks while it is not. `call`: on while there are calls. `fault`: on
    #: while something keeps it from being ready, or should be known. `free`: nothing of ours.
    shows: Literal["ready", "call", "fault", "free"] = "free"


class Board(Struct, frozen=True, kw_only=True):
    """The computer that the appliance runs on."""

    #: Cores that there are.
    cores: Annotated[int, _range(1, 1024)] = 4
    #: Cores that `[media] cores` may take for itself.
    media_cores: list[int] = field(default_factory=list)
    #: SCHED_RR priority of the media engine; 0: none.
    priority: Annotated[int, _range(0, 49)] = 0
    #: Most room for datagrams that a socket may have (`net.core.rmem_max`), in bytes; front asks for 4 MB. 0: as it is.
    receive_buffer: Annotated[int, _range(0, 1 << 30)] = 0
    #: The kernel's watchdog.
    watchdog: Annotated[str, Meta(extra={"kind": "device_path", "optional": True})] = ""
    #: The longest time that the watchdog can be set to.
    watchdog_longest_ms: Annotated[int | None, _range(1_000, 3_600_000)] = None
    #: Modules to be loaded for it.
    modules: list[str] = field(default_factory=list)
    #: Lights of the board.
    leds: list[Led] = field(default_factory=list)


class DeviceProfile(Struct, frozen=True, kw_only=True):
    """One device or board."""

    #: Who makes it.
    vendor: str
    #: What it is called; several models of one family in one text.
    model: str
    #: What it is.
    kind: DeviceKind
    #: Versions of its firmware that the facts were found for; empty: any.
    firmware: list[str] = field(default_factory=list)
    #: Where the facts are from: manuals with edition and section, standards, drivers, measurements.
    sources: list[str]
    find: Find = Find()
    serial: Serial = Serial()
    dialogue: Dialogue = Dialogue()
    sound: Sound = Sound()
    dsp: DeviceDsp = DeviceDsp()
    limits: Limits = Limits()
    quirks: list[Quirk] = field(default_factory=list)
    relays: RelayBoard | None = None
    board: Board | None = None
