#!/usr/bin/env python3
"""Load generator: callers that place calls by SIP, talk and listen by RTP, and measure what they get.

Two shapes. `--callers N --duration S`: N calls set up at `--rate` a second, all in progress together for S seconds.
With `--hold H`: calls at `--rate` a second for `--duration` seconds, each hung up after H seconds.

Prints a JSON line a figure, and at the end a line `void` with the reasons why the run says nothing, if there are any:
the generator was late or dropped datagrams, or the machine was taken away by others (steal).
`--echo` measures a bare C echo under the same RTP load instead.
"""

import argparse
import json
import math
import os
import resource
import selectors
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import rtp, sip, usage

#: A run in which more of the generator's own wake-ups were late says nothing.
MAX_LATE_SHARE = 0.001
MAX_STEAL = 0.02
#: From the last packet sent to the reading of a slot's figures.
SETTLE_S = 0.06


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="?", default="", help="HOST:PORT that calls are sent to")
    parser.add_argument("--user", default="demo", help="user part that is called")
    parser.add_argument("--address", default="127.0.0.9", help="our own address (RTP and SIP)")
    parser.add_argument("--sip-port", type=int, default=5060)
    parser.add_argument("--rtp-port", type=int, default=10_000, help="first of our RTP ports")
    parser.add_argument("--callers", type=int, default=10, help="calls at once; without --hold")
    parser.add_argument("--duration", type=float, default=10.0, help="seconds that all are up; with --hold: of calling")
    parser.add_argument("--rate", type=float, default=20.0, help="new calls a second")
    parser.add_argument("--hold", type=float, default=0.0, help="length of each call")
    parser.add_argument("--give-up", type=float, default=sip.GIVE_UP_S, help="seconds to wait for a final answer")
    parser.add_argument("--core", type=int, default=None, help="core that the generator keeps to (the last one)")
    parser.add_argument("--key", default="5", help="key to press")
    parser.add_argument("--key-method", choices=["none", "rfc4733", "inband"], default="none")
    parser.add_argument("--key-after", type=float, default=2.0, help="seconds from the answer to the key")
    parser.add_argument("--next-hz", type=float, default=0.0, help="tone of the prompt that follows the key")
    parser.add_argument("--watch", type=int, default=0, help="pid of the appliance: CPU by process, memory")
    parser.add_argument("--echo", action="store_true", help="measure a bare C echo with --callers legs instead")
    parser.add_argument("--label", default="", help="put into each line")
    return parser


class Figures:
    """Writes figures as JSON lines."""

    def __init__(self, label: str, out: TextIO = sys.stdout) -> None:
        self._label = label
        self._out = out

    def add(self, name: str, value: Any, unit: str, **more: Any) -> None:
        line = {"name": name, "value": round(value, 5) if isinstance(value, float) else value, "unit": unit}
        if self._label:
            line["label"] = self._label
        print(json.dumps(line | more), file=self._out, flush=True)

    def spread(self, name: str, values: list[float], unit: str) -> None:
        if not values:
            return
        ordered = sorted(values)
        for label, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99)):
            self.add(f"{name}_{label}", ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)], unit)
        self.add(f"{name}_max", ordered[-1], unit)


class Window:
    """CPU of others and of ourselves, and steal, between `open` and `close`."""

    def __init__(self, root: int) -> None:
        self._root = root
        self.seconds = 0.0
        self.used: Counter[str] = Counter()
        self.own_s = 0.0
        self.steal = 0.0
        self.pss_mb = 0.0
        self.opened = False
        self.closed = False

    def _read(self) -> tuple[float, float, Counter[str], tuple[int, int]]:
        used = usage.cpu_by_name(usage.tree(self._root)) if self._root else Counter()
        return time.monotonic(), time.process_time(), used, usage.machine()

    def open(self) -> None:
        self._begin = self._read()
        self.opened = True

    def close(self) -> None:
        if not self.opened or self.closed:
            return
        self.closed = True
        at, own, used, machine = self._read()
        self.seconds = at - self._begin[0]
        self.own_s = own - self._begin[1]
        self.used = Counter({name: used[name] - self._begin[2][name] for name in used})
        self.steal = (machine[1] - self._begin[3][1]) / max(1, machine[0] - self._begin[3][0])
        if self._root:
            self.pss_mb = usage.memory_pss_mb(usage.tree(self._root))


class Load:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        host, _, port = options.target.rpartition(":")
        at_once = math.ceil(options.rate * (options.hold + 1.0) * 1.2) + 5 if options.hold else options.callers
        self.total = int(options.rate * options.duration) if options.hold else options.callers
        self.media = rtp.RtpCallers(options.address, options.rtp_port, at_once, options.key, options.next_hz)
        self.uac = sip.Uac(options.address, options.sip_port, (host, int(port)), options.user, options.give_up)
        self.free = list(range(at_once))
        self.started: list[sip.Dialog] = []
        self.skipped = 0
        self.hang_up_at: dict[str, float] = {}
        self.harvest_at: list[tuple[float, sip.Dialog]] = []
        self.audio: list[tuple[sip.Dialog, rtp.LegFigures]] = []
        self.over = 0
        self.window = Window(options.watch)
        self.key_method = {"none": 0, "rfc4733": rtp.KEY_RFC4733, "inband": rtp.KEY_INBAND}[options.key_method]
        self.interrupted = False

    def run(self) -> None:
        """Place all calls and wait for their end."""
        options = self.options
        signal.signal(signal.SIGINT, lambda *_: setattr(self, "interrupted", True))
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "interrupted", True))
        self.media.start()
        selector = selectors.DefaultSelector()
        selector.register(self.uac.socket, selectors.EVENT_READ)
        begin = time.monotonic() + 0.1
        ramp_s = self.total / options.rate
        self.end_s = begin + ramp_s + options.duration
        placed = 0
        if options.hold:
            self.window.open()
        while self.over < placed or (placed < self.total and not self.interrupted):
            now = time.monotonic()
            while placed < self.total and begin + placed / options.rate <= now and not self.interrupted:
                self._place()
                placed += 1
            self._advance(now, everything_up=placed == self.total)
            upcoming = begin + placed / options.rate if placed < self.total else now + 0.01
            selector.select(max(0.0, min(upcoming, now + 0.005) - now))
            for dialog in self.uac.receive():
                self._changed(dialog)
        self.window.close()
        time.sleep(SETTLE_S)
        self._harvest(math.inf)

    def _place(self) -> None:
        if not self.free:
            self.skipped += 1
            self.over += 1
            return
        slot = self.free.pop(0)
        self.started.append(self.uac.call(slot, self.media.port(slot)))

    def _advance(self, now: float, *, everything_up: bool) -> None:
        for dialog in self.uac.tick(now):
            self._changed(dialog)
        dialogs = self.uac.dialogs.values()
        if everything_up and not self.window.opened and dialogs and all(d.state == "up" for d in dialogs):
            self.window.open()
        for id_, at in list(self.hang_up_at.items()):
            if now >= at or self.interrupted:
                del self.hang_up_at[id_]
                if not self.options.hold:
                    self.window.close()
                dialog = self.uac.dialogs[id_]
                self.media.disconnect(dialog.slot)
                self.uac.hang_up(dialog)
        self._harvest(now)

    def _changed(self, dialog: sip.Dialog) -> None:
        if dialog.state == "up":
            audio = dialog.audio
            if audio is not None:
                after_ms = int(self.options.key_after * 1000)
                self.media.connect(dialog.slot, audio.host, audio.port, audio.event_pt, self.key_method, after_ms)
            held_until = time.monotonic() + self.options.hold if self.options.hold else self.end_s
            self.hang_up_at[dialog.id] = held_until
        elif dialog.state == "over":
            self.over += 1
            self.hang_up_at.pop(dialog.id, None)
            self.media.disconnect(dialog.slot)
            del self.uac.dialogs[dialog.id]
            self.harvest_at.append((time.monotonic() + SETTLE_S, dialog))

    def _harvest(self, now: float) -> None:
        while self.harvest_at and self.harvest_at[0][0] <= now:
            _, dialog = self.harvest_at.pop(0)
            if dialog.audio is not None:
                self.audio.append((dialog, self.media.figures(dialog.slot)))
            self.free.append(dialog.slot)

    # --- results --------------------------------------------------------------------------------------------------

    def report(self, figures: Figures) -> bool:
        """Print everything; returns whether every call went well."""
        answered = [d for d in self.started if d.status == 200]
        cut = [d for d in answered if d.ended_by_peer]
        mute = [d for d, audio in self.audio if not audio.received]
        failed = len(self.started) - len(answered) + len(cut) + len(mute)
        figures.add("calls", len(self.started), "calls")
        figures.add("calls_failed", failed, "calls", statuses=Counter(str(d.status) for d in self.started),
                    cut_off=len(cut), without_audio=len(mute))  # fmt: skip
        figures.add("sip_repeated", self.uac.repeated, "messages")
        figures.spread("invite_to_200_ms", [(d.answered_ns - d.sent_ns) / 1e6 for d in answered], "ms")
        self._report_audio(figures)
        self._report_key(figures)
        calls = self.options.callers if not self.options.hold else self.options.rate * self.options.hold
        report_window(figures, self.window, calls)
        report_void(figures, self.media, self.window, self.options, self._faults())
        return failed == 0

    def _report_audio(self, figures: Figures) -> None:
        every = [audio for _, audio in self.audio]
        for name in ("received", "sent", "lost", "gaps", "late", "foreign"):
            figures.add(f"rtp_{name}", sum(getattr(audio, name) for audio in every), "packets")
        figures.add("rtp_calls_with_loss", sum(audio.lost > 0 for audio in every), "calls")
        for label, share in (("p50", 0.5), ("p99", 0.99), ("p99_9", 0.999)):
            figures.add(f"rtp_spacing_off_{label}", rtp.percentile_ms(self.media.bins, share), "ms")
        sound = [(a.first_sound_ns - d.answered_ns) / 1e6 for d, a in self.audio if a.first_sound_ns]
        figures.spread("answer_to_sound_ms", sound, "ms")

    def _report_key(self, figures: Figures) -> None:
        if not self.key_method or not self.options.next_hz:
            return
        pressed = [audio for _, audio in self.audio if audio.key_end_ns]
        heard = [(a.change_ns - a.key_end_ns) / 1e6 for a in pressed if a.change_ns]
        figures.add("keys_pressed", len(pressed), "keys")
        figures.add("keys_without_effect", len(pressed) - len(heard), "keys")
        figures.spread("key_to_prompt_ms", heard, "ms")

    def _faults(self) -> list[str]:
        ports = {self.media.port(i) for i in range(len(self.media.sockets))} | {self.uac.port}
        dropped = rtp.socket_drops(self.options.address, ports)
        errors = sum(audio.send_errors for _, audio in self.audio if audio.received)
        found = [f"{dropped} datagrams dropped at our sockets"] if dropped else []
        found += [f"{errors} packets not sent"] if errors else []
        found += [f"{self.skipped} calls not placed for want of a slot"] if self.skipped else []
        found += ["interrupted"] if self.interrupted else []
        return found


def report_window(figures: Figures, window: Window, calls: float) -> None:
    """CPU and memory of the watched processes."""
    if not window.closed or not window.seconds or not window.used:
        return
    whole = sum(window.used.values())
    figures.add("cpu_per_call", 100 * whole / window.seconds / calls, "% of a core", seconds=round(window.seconds, 2))
    for name, used in sorted(window.used.items()):
        figures.add(f"cpu_per_call_{name}", 100 * used / window.seconds / calls, "% of a core")
    figures.add("memory_pss", window.pss_mb, "MB")


def report_void(
    figures: Figures, media: rtp.RtpCallers, window: Window, options: argparse.Namespace, faults: list[str]
) -> None:
    """The generator's own share and punctuality, and whether the run counts."""
    late = media.late_ticks / max(1, media.ticks)
    reasons = list(faults)
    if late > MAX_LATE_SHARE:
        reasons.append(f"{100 * late:.2f} % of our own wake-ups were more than {rtp.LATE_NS / 1e6:.0f} ms late")
    if window.steal > MAX_STEAL:
        reasons.append(f"{100 * window.steal:.1f} % of the machine was stolen")
    if not window.closed or not window.seconds:
        reasons.append("the calls were never all up together")
    share = window.own_s / window.seconds if window.seconds else 0.0
    figures.add("generator_cpu", share, "cores", core=options.core, real_time=media.real_time)
    figures.add("generator_late_p99_9", rtp.percentile_ms(media.lateness, 0.999), "ms")
    figures.add("generator_late_max", media.most_late_ns / 1e6, "ms")
    figures.add("steal", window.steal, "ratio")
    figures.add("void", bool(reasons), "", reasons=reasons)


def run_echo(options: argparse.Namespace, figures: Figures) -> int:
    """The same RTP load on a bare echo in C."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        print("no C compiler: the bare echo can't be measured", file=sys.stderr)
        return 1
    others = sorted(os.sched_getaffinity(0) - {options.core}) or [options.core]
    os.sched_setaffinity(0, {options.core})
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/bare-echo"
        source = str(Path(__file__).with_name("echo.c"))
        subprocess.run([compiler, "-O2", "-Wall", "-o", program, source], check=True)
        first = options.rtp_port + 2 * options.callers + 2
        command = ["taskset", "-c", str(others[0]), program, options.address, str(first), str(options.callers)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as echo:
            assert echo.stdout is not None
            if echo.stdout.readline().strip() != "ready":
                return 1
            media = rtp.RtpCallers(options.address, options.rtp_port, options.callers)
            media.start()
            for i in range(options.callers):
                media.connect(i, options.address, first + 2 * i, None, 0, 0)
            time.sleep(0.5)
            window = Window(echo.pid)
            window.open()
            time.sleep(options.duration)
            window.close()
            for i in range(options.callers):
                media.disconnect(i)
            time.sleep(SETTLE_S)
            legs = [media.figures(i) for i in range(options.callers)]
            dropped = rtp.socket_drops(options.address, {media.port(i) for i in range(options.callers)})
            media.stop()
            echo.terminate()
            echo.wait()
    figures.add("echo_rtp_received", sum(leg.received for leg in legs), "packets")
    figures.add("echo_rtp_lost", sum(leg.lost for leg in legs), "packets")
    figures.add("echo_cpu_per_leg", 100 * sum(window.used.values()) / window.seconds / options.callers, "% of a core")
    for label, share in (("p50", 0.5), ("p99", 0.99), ("p99_9", 0.999)):
        figures.add(f"echo_spacing_off_{label}", rtp.percentile_ms(media.bins, share), "ms")
    figures.add("echo_received_per_leg", statistics.mean(leg.received for leg in legs), "packets")
    report_void(figures, media, window, options, [f"{dropped} datagrams dropped"] if dropped else [])
    return 0


def main() -> int:
    """Run; 0 when every call went well, 1 when one failed, 2 for wrong usage."""
    parser = arguments()
    options = parser.parse_args()
    if options.core is None:
        options.core = max(os.sched_getaffinity(0))
    host, _, port = options.target.rpartition(":")
    if not options.echo and (not host or not port.isdigit()):
        parser.error("target must be HOST:PORT")
    if options.rtp_port % 2 or options.rate <= 0 or options.callers <= 0 or options.duration <= 0:
        parser.error("--rtp-port must be even; --rate, --callers and --duration above 0")
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    figures = Figures(options.label)
    if options.echo:
        return run_echo(options, figures)
    os.sched_setaffinity(0, {options.core})
    load = Load(options)
    try:
        load.run()
        good = load.report(figures)
    finally:
        load.media.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
