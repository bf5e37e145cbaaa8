"""Many callees behind one trunk: the last digits of a number say what its phone does. They count who calls them.

with Callees(host) as town:
    ...
    assert town.invited["+493022000012"] == 1
"""

import threading
import time
from collections import Counter
from typing import Literal

from tests.support.sip_call import Call
from tests.support.softphone import Softphone

Kind = Literal["answers", "busy", "rejects", "nobody", "rings", "congested", "hangs_up", "fax"]
#: By the last digit but one of the number.
KINDS: dict[str, Kind] = {
    "0": "answers",
    "1": "busy",
    "2": "rejects",
    "3": "nobody",
    "4": "rings",
    "5": "congested",
    "6": "hangs_up",
    "7": "fax",
}
CODES = {"busy": 486, "rejects": 603, "nobody": 404, "congested": 503}
#: What a fax answers with (ITU-T V.25), Hz.
FAX_HZ = 2100.0
LOOK_S = 0.02


class Callees:
    """All phones of a town on one address, port 5060. `invited` counts calls by number, repeats of an INVITE not."""

    def __init__(self, address: str) -> None:
        self.phone = Softphone(address, port=5060, user="town")
        self.invited: Counter[str] = Counter()
        #: Calls that came while another one to the same number was up.
        self.crossed: Counter[str] = Counter()
        #: Calls that ring now, by number.
        self.ringing: dict[str, Call] = {}
        #: Phones of these numbers ring until they are told to answer.
        self.slow: set[str] = set()
        #: Calls that were answered and are up, by number.
        self.talking: dict[str, Call] = {}
        #: Calls that were taken; kept, for the id of an object that is gone may be another one's.
        self._seen: dict[int, Call] = {}
        self._open: list[Call] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="callees", daemon=True)

    def __enter__(self) -> "Callees":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.phone.close()

    def most(self) -> int:
        """How often the number was called that was called the most."""
        return max(self.invited.values(), default=0)

    def _serve(self) -> None:
        while not self._stop.is_set():
            for call in list(self.phone.calls.values()):
                if call.invited and id(call) not in self._seen:
                    self._seen[id(call)] = call
                    self._open.append(call)
                    self._take(call)
            self._let_go()
            time.sleep(LOOK_S)

    def _let_go(self) -> None:
        """Free what ended calls have: a thread each, which thousands of calls must not keep."""
        for calls in (self.ringing, self.talking):
            for number, call in list(calls.items()):
                if call.state == "ended":
                    del calls[number]
        for call in [one for one in self._open if one.state == "ended"]:
            call.audio.close()
            self._open.remove(call)

    def _take(self, call: Call) -> None:
        number = call.requests("INVITE")[0].uri.partition(":")[2].partition("@")[0]
        self.invited[number] += 1
        up = (calls.get(number) for calls in (self.ringing, self.talking))
        self.crossed[number] += any(other is not None and other.state != "ended" for other in up)
        kind = KINDS.get(number[-2], "answers")
        if kind in CODES:
            call.ring()
            call.reject(CODES[kind])
            return
        call.ring()
        if kind == "rings" or number in self.slow:
            self.ringing[number] = call
            return
        if kind == "fax":
            call.audio.tone_hz = FAX_HZ
        call.accept()
        self.talking[number] = call
        if kind == "hangs_up":
            threading.Timer(0.2, call.hang_up).start()
