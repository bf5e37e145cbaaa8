"""A town of real telephones behind one trunk: SIPp is their SIP stack, and the last two digits of a number say what its
phone does. What SIPp was asked and what it did is read from its log; what a phone hears is kept for those in `ears`.

with Farm(host, folder, ears={"+12127360001": GREETING}) as farm:
    ...
    assert farm.count("+12127360000", "INVITE") == 1
"""

import subprocess
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

import numpy as np
import soundfile

from dsp.tones.countries import COUNTRIES
from dsp.tones.notation import parse
from dsp.tones.rendering import render
from tests.support import tones
from tests.support.rtp_stream import RtpStream
from tests.support.tones import RATE_HZ, Samples
from tests.support.waiting import until

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

VOICES = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
#: What a machine ends its greeting with.
BEEP_HZ = 1000.0
#: Special information tones (Telcordia GR-1162-CORE, ANSI T1.401): Hz and ms of the three segments.
_LOW, _HIGH = ((913.8, 985.2), (1370.6, 1428.5))
_SHORT, _LONG, _LAST = 274, 380, (1776.7, 380)
SIT: dict[str, tuple[tuple[float, int], ...]] = {
    "intercept": ((_LOW[0], _SHORT), (_HIGH[0], _SHORT), _LAST),
    "vacant_code": ((_LOW[1], _LONG), (_HIGH[0], _SHORT), _LAST),
    "reorder": ((_LOW[0], _SHORT), (_HIGH[1], _LONG), _LAST),
    "reorder_interlata": ((_LOW[1], _SHORT), (_HIGH[0], _LONG), _LAST),
    "no_circuit": ((_LOW[1], _LONG), (_HIGH[1], _LONG), _LAST),
    "no_circuit_interlata": ((_LOW[0], _LONG), (_HIGH[0], _LONG), _LAST),
}


class Kind(NamedTuple):
    """What a phone does, step by step.

    `ring`; `early SOUND`; `wait MS`; `answer`, `answer!` without waiting for its ACK; `play SOUND`; `refuse CODE [CAUSE
    of Q.850]`; `move KIND`; `bye` when the answer was acknowledged, `bye!` before that; `cancelled`: until the caller
    gives up; `over`: until he hangs up.
    """

    code: str
    steps: tuple[str, ...]


#: By name. A number of a kind ends with its code.
KINDS: dict[str, Kind] = {
    "human": Kind("00", ("ring", "wait 400", "answer", "play hello", "over")),
    "machine": Kind("01", ("ring", "wait 400", "answer", "over")),
    "silent": Kind("02", ("ring", "answer", "play silence", "over")),
    "fax": Kind("03", ("ring", "answer", "play ced", "over")),
    "hangs_up": Kind("04", ("ring", "answer", "bye")),
    "crosses": Kind("05", ("ring", "answer!", "bye!")),
    "listens": Kind("06", ("ring", "answer", "over")),
    "busy": Kind("10", ("refuse 486",)),
    "busy_tone": Kind("11", ("early busy", "cancelled")),
    "reorder_tone": Kind("12", ("early congestion", "wait 2500", "refuse 480")),
    **{f"sit_{name}": Kind(f"2{at}", (f"early sit_{name}", "wait 2500", "refuse 480")) for at, name in enumerate(SIT)},
    "sit_unanswered": Kind("29", ("early sit_vacant_code", "cancelled")),
    "rings_out": Kind("40", ("ring", "cancelled")),
    "dead": Kind("41", ("wait 120000",)),
    "rings_once": Kind("42", ("ring", "wait 300", "refuse 480")),
    "vacant": Kind("50", ("refuse 404",)),
    "gone": Kind("51", ("refuse 410",)),
    "declines": Kind("52", ("ring", "wait 200", "refuse 603")),
    "absent": Kind("53", ("refuse 480",)),
    "overloaded": Kind("54", ("refuse 503",)),
    "vacant_by_cause": Kind("55", ("refuse 480 1",)),
    "barred": Kind("56", ("refuse 403",)),
    "out_of_order": Kind("57", ("refuse 480 27",)),
    "analysed": Kind("58", ("refuse 608",)),
    "moved": Kind("60", ("move 00",)),
}
_REASONS = {403: "Forbidden", 404: "Not Found", 410: "Gone", 480: "Temporarily Unavailable", 486: "Busy Here"}


def voice(*names: str) -> Samples:
    """Read recorded prompts, one after the other (8 kHz)."""
    return np.concatenate([soundfile.read(VOICES / f"{name}.wav", dtype="int16")[0] for name in names])


def silence(seconds: float) -> Samples:
    """Nothing, for so long."""
    return np.zeros(round(seconds * RATE_HZ), np.int16)


def greeting() -> Samples:
    """Say what a voice mailbox says (some 5 s), and beep for 0.4 s."""
    said = voice("vm-theperson", "vm-isunavail", "vm-intro")
    return np.concatenate([silence(0.5), said, silence(0.6), tones.sine(BEEP_HZ, 3200)])


def _tone(name: str, seconds: float) -> Samples:
    return np.asarray(render(parse(COUNTRIES["us"][name]), round(RATE_HZ * seconds), -13.0), np.int16)


def _sit(segments: Iterable[tuple[float, int]]) -> Samples:
    pieces = [tones.sine(hz, RATE_HZ * ms // 1000, -13.0) for hz, ms in segments]
    return np.concatenate([silence(0.2), *pieces, silence(0.3), voice("cannot-complete-as-dialed")])


def _sounds() -> dict[str, Samples]:
    return {
        "hello": np.concatenate([silence(0.4), voice("hello")]),
        "silence": silence(1),
        "ced": np.concatenate([silence(0.5), tones.sine(2100.0, 3 * RATE_HZ)]),
        "busy": _tone("busy", 20),
        "congestion": _tone("congestion", 20),
        **{f"sit_{name}": _sit(segments) for name, segments in SIT.items()},
    }


class Ear:
    """The audio of a phone that is heard: it says its part when it is first spoken to, and keeps what comes."""

    def __init__(self, address: str, says: Samples) -> None:
        self.audio = RtpStream(address)
        self.says = says
        self._thread = threading.Thread(target=self._begin, name="ear", daemon=True)
        self._open = True
        self._thread.start()

    def _begin(self) -> None:
        while self._open and not self.audio.packets:
            threading.Event().wait(0.01)
        if self.audio.packets:
            self.audio.remote = self.audio.packets[0].source
            self.audio.say(self.says)
            self.audio.sending = True

    def close(self) -> None:
        """Be quiet."""
        self._open = False
        self._thread.join(5)
        self.audio.close()


class Farm:
    """All phones of a town on one address, port 5060."""

    def __init__(self, address: str, folder: Path, ears: Mapping[str, Samples] | None = None) -> None:
        self.address = address
        self._folder = folder
        self.ears = {number: Ear(address, says) for number, says in (ears or {}).items()}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Farm":
        folder = self._folder
        folder.mkdir(parents=True, exist_ok=True)
        for name, samples in _sounds().items():
            whole = np.concatenate([samples, silence(60)])
            (folder / f"{name}.ulaw").write_bytes(audioop.lin2ulaw(whole.tobytes(), 2))
        (folder / "town.xml").write_text(scenario(folder, {n: ear.audio.port for n, ear in self.ears.items()}))
        words = ["-sf", "town.xml", "-i", self.address, "-p", "5060", "-mi", self.address]
        # No default answers: a scenario says all that is said.
        words += ["-trace_logs", "-log_file", "seen.log", "-trace_err", "-error_file", "errors.log"]
        words += ["-nostdin", "-nd"]
        with (folder / "sipp.log").open("wb") as log:
            self._process = subprocess.Popen(
                ["sipp", *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._listens, 20, "SIPp listens")
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is not None:
            process.kill()  # a polite end waits for all calls
            process.wait(10)
        for ear in self.ears.values():
            ear.close()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "sipp.log").read_text(errors="replace")[-2000:]
        address = "".join(f"{int(part):02X}" for part in reversed(self.address.split(".")))
        return f" {address}:{5060:04X} " in Path("/proc/net/udp").read_text()

    def seen(self, number: str) -> list[tuple[str, float]]:
        """What the phone of a number was asked, in order: the method, and when (seconds of the wall clock)."""
        return [(what, at) for called, what, at in self._seen() if called == number]

    def count(self, number: str, what: str) -> int:
        """How often a phone was asked for something (`INVITE`, `ACK`, `CANCEL`, `BYE`), repeats of it not."""
        return sum(one == what for one, _ in self.seen(number))

    def invited(self) -> Counter[str]:
        """How often each number was called."""
        return Counter(called for called, what, _ in self._seen() if what == "INVITE")

    def _seen(self) -> list[tuple[str, str, float]]:
        path = self._folder / "seen.log"
        lines = [line.split() for line in path.read_text(errors="replace").splitlines()] if path.exists() else []
        # `seen NUMBER METHOD DATE TIME SECONDS`; the last line may be half written.
        return [(line[1], line[2], float(line[5])) for line in lines if len(line) == 6 and "." in line[5]]


# --- the scenario -----------------------------------------------------------------------------------------------------

_END = 9999
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="a town">
<recv request="INVITE" rrs="true"><action>
<ereg regexp="sip:(\\+?[0-9]+)@" search_in="msg" assign_to="whole,number"/>
<ereg regexp="CSeq: *([0-9]+)" search_in="msg" assign_to="line,cseq"/>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to"/>
{tests}
{log}
</action></recv>
<Reference variables="whole,line"/>
"""
_OWN = "tag=[pid]p[call_number]"


def scenario(folder: Path, ears: Mapping[str, int]) -> str:
    """Write what SIPp does; `ears`: numbers whose audio is ours, with its port."""
    ported = {number: f"e{at}" for at, number in enumerate(ears)}
    tests = [_matches(kind.code, f"k{kind.code}") for kind in KINDS.values()]
    tests += [_matches(number.lstrip("+"), variable) for number, variable in ported.items()]
    parts = [_HEAD.format(tests="\n".join(tests), log=_log("INVITE"))]
    branches = {variable: (100 + 10 * at, ears[number]) for at, (number, variable) in enumerate(ported.items())}
    at = 1000
    bodies = []
    for variable, (label, port) in branches.items():
        number = next(number for number, own in ported.items() if own == variable)
        kind = next(kind for kind in KINDS.values() if number.endswith(kind.code))
        parts.append(f'<nop next="{label}" test="{variable}"/>')
        bodies.append(_body(label, kind, folder, port))
    for kind in KINDS.values():
        parts.append(f'<nop next="{at}" test="k{kind.code}"/>')
        bodies.append(_body(at, kind, folder, None))
        at += 10
    parts.append(f'<nop next="{at}"/>')  # any other number: as a vacant one
    bodies.append(_body(at, KINDS["vacant"], folder, None))
    return "\n".join([*parts, *bodies, f'<label id="{_END}"/>', "<nop/>", "</scenario>\n"])


def _matches(ending: str, variable: str) -> str:
    return f'<ereg regexp="^INVITE sip:[^@]*{ending}@" search_in="msg" assign_to="{variable}"/>'


def _log(what: str) -> str:
    return f'<log message="seen [$number] {what} [timestamp]"/>'


def _body(label: int, kind: Kind, folder: Path, port: int | None) -> str:
    lines = [f'<label id="{label}"/>']
    for step in kind.steps:
        lines += _step(step, folder, port)
    lines.append(f'<nop next="{_END}"/>')
    return "\n".join(lines)


def _step(step: str, folder: Path, port: int | None) -> list[str]:
    word, _, rest = step.partition(" ")
    return _STEPS[word](rest, folder, port)


def _answer(_rest: str, _folder: Path, port: int | None) -> list[str]:
    return [_respond("200 OK", body=_sdp(port), repeat=True)]


def _refuse(rest: str, _folder: Path, _port: int | None) -> list[str]:
    code, _, cause = rest.partition(" ")
    head = f"Reason: Q.850;cause={cause}" if cause else ""
    return [_respond(f"{code} {_REASONS.get(int(code), 'Refused')}", head, repeat=True), _asked("ACK")]


def _move(rest: str, _folder: Path, _port: int | None) -> list[str]:
    head = f"Contact: <sip:[$number]{rest}@[local_ip]:[local_port]>"
    return [_respond("302 Moved Temporarily", head, repeat=True), _asked("ACK")]


def _cancelled(_rest: str, _folder: Path, _port: int | None) -> list[str]:
    refused = _respond("487 Request Terminated", repeat=True, cseq="[$cseq] INVITE")
    return [_asked("CANCEL"), _respond("200 OK"), refused, _asked("ACK")]


def _over(_rest: str, _folder: Path, _port: int | None) -> list[str]:
    return [_asked("ACK", optional=True), _asked("BYE"), _respond("200 OK", tagged=False)]


_STEPS: dict[str, Callable[[str, Path, int | None], list[str]]] = {
    "ring": lambda _rest, _folder, _port: [_respond("180 Ringing")],
    "early": lambda rest, folder, _: [_respond("183 Session Progress", body=_sdp(None)), _play(folder, rest)],
    "wait": lambda rest, _folder, _port: [f'<pause milliseconds="{rest}"/>'],
    "answer": _answer,
    # SIPp says nothing more while it repeats something.
    "answer!": lambda _rest, _folder, port: [_respond("200 OK", body=_sdp(port))],
    "play": lambda rest, folder, _: [_asked("ACK"), _play(folder, rest)],
    "refuse": _refuse,
    "move": _move,
    "bye": lambda _rest, _folder, _port: [_asked("ACK"), _bye(), '<recv response="200"/>'],
    "bye!": lambda _rest, _folder, _port: [_bye(), _asked("ACK", optional=True), '<recv response="200"/>'],
    "cancelled": _cancelled,
    "over": _over,
}


def _asked(method: str, *, optional: bool = False) -> str:
    extra = ' optional="true"' if optional else ""
    return f'<recv request="{method}"{extra}><action>{_log(method)}</action></recv>'


def _respond(
    status: str, head: str = "", *, body: str = "", repeat: bool = False, cseq: str = "", tagged: bool = True
) -> str:
    lines = [f"SIP/2.0 {status}", "[last_Via:]", "[last_Record-Route:]", "[last_From:]"]
    lines += [f"[last_To:];{_OWN}" if tagged else "[last_To:]", "[last_Call-ID:]"]
    lines += [f"CSeq: {cseq}" if cseq else "[last_CSeq:]"]
    if not head.startswith("Contact"):
        lines.append("Contact: <sip:town@[local_ip]:[local_port]>")
    lines += [head] if head else []
    return _message(lines, body, repeat=repeat)


def _bye() -> str:
    lines = ["BYE [next_url] SIP/2.0", "Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]", "[routes]"]
    lines += [f"From: [$to];{_OWN}", "To: [$from]", "Call-ID: [call_id]", "CSeq: 1 BYE", "Max-Forwards: 70"]
    return _message(lines, "", repeat=True)


def _message(lines: list[str], body: str, *, repeat: bool) -> str:
    lines = [*lines, *(["Content-Type: application/sdp"] if body else []), "Content-Length: [len]", "", body]
    return f"<send{' retrans=' + quoteattr('500') if repeat else ''}><![CDATA[\n" + "\n".join(lines) + "\n]]></send>"


def _sdp(port: int | None) -> str:
    return "\n".join(
        [
            "v=0",
            "o=town 1 1 IN IP4 [media_ip]",
            "s=-",
            "c=IN IP4 [media_ip]",
            "t=0 0",
            f"m=audio {port or '[rtpstream_audio_port]'} RTP/AVP 0 101",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
        ]
    )


def _play(folder: Path, sound: str) -> str:
    return f'<nop><action><exec rtp_stream="{folder / sound}.ulaw,1,0,PCMU/8000"/></action></nop>'
