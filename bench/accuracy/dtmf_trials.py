"""How a DTMF condition is tried: made, disturbed, heard by our detector and by spandsp.

Each trial is a stream of its own: line noise (-65 dBm0), the digit, quiet. Its begin and the phases of the two tones
are of chance, so every position relative to frames and blocks comes up. All goes through G.711, each law in turn.
spandsp's `dtmf_rx` hears the same samples, as it is by default and with its filter against dial tones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench import multimon, spandsp
from bench.accuracy import NOTHING, Promise, Row, Score, Table, score
from bench.accuracy import signals as s
from dsp.detectors import dtmf, offline
from dsp.detectors.dtmf_state import DTMF_STATE
from dsp.detectors.verdicts import BEGIN, VERDICT
from dsp.tones.generator import COLUMNS_HZ, DIGITS, ROWS_HZ

FRAME = 160
SEED = 24
#: Columns of spandsp's `dtmf_rx`: whether its filter against dial tones is on.
SPANDSP = {"spandsp": False, "spandsp, dial-tone filter": True}
Dice = np.random.Generator
Lost = npt.NDArray[np.bool_]
#: Makes what is pressed, and the digits that have to be heard.
Make = Callable[[str, Dice], tuple[s.Signal, str]]


@dataclass(frozen=True)
class Key:
    """One key press. Deviations in percent, levels in dBm0 a tone."""

    ms: float = 40
    row_dbm0: float = -10.0
    column_dbm0: float = -10.0
    row_off: float = 0.0
    column_off: float = 0.0
    snr_db: float | None = None

    def signal(self, digit: str, dice: Dice) -> s.Signal:
        """Give its samples."""
        place, samples = DIGITS.index(digit), s.count(self.ms)
        row, column = (
            ROWS_HZ[place // 4] * (1 + self.row_off / 100),
            COLUMNS_HZ[place % 4] * (1 + self.column_off / 100),
        )
        out = s.sine(row, samples, self.row_dbm0, dice.uniform(0, 2 * np.pi))
        out += s.sine(column, samples, self.column_dbm0, dice.uniform(0, 2 * np.pi))
        return out


def listen(streams: s.Samples, lost: Lost | None = None) -> list[str]:
    """Digits that our detector hears in each of `streams` (int16[n, samples]); `lost` (bool[n, frames]) are gaps."""
    legs = len(streams)
    states = np.zeros(legs, DTMF_STATE).view(np.recarray)
    verdicts, told = np.zeros(4 * legs, VERDICT).view(np.recarray), np.zeros(2, np.int64)
    everyone = np.arange(legs, dtype=np.int32)
    heard = [""] * legs
    for frame in range(streams.shape[1] // FRAME):
        rows = everyone
        if lost is not None:
            rows = everyone[~lost[:, frame]]
            for leg in everyone[lost[:, frame]]:
                dtmf.gap(states[leg], FRAME)
        told[:] = 0
        block = np.ascontiguousarray(streams[:, frame * FRAME : (frame + 1) * FRAME])
        dtmf.feed_all(states, block, rows, len(rows), verdicts, told)
        for one in verdicts[: told[0]]:
            if one.phase == BEGIN:
                heard[one.row] += chr(one.code)
    return heard


def compare(wanted: Sequence[str], heard: Sequence[str]) -> Score:
    """Add the trials up."""
    total = NOTHING
    for want, got in zip(wanted, heard, strict=True):
        total += score(want, got)
    return total


@dataclass(frozen=True)
class Condition:
    """Many trials of one kind; `loss` is the share of packets (20 ms) that are lost."""

    name: str
    promised: Promise
    make: Make
    snr_db: float | None = None
    under: Callable[[int, Dice], s.Signal] | None = None  #: heard all the time
    law: int | None = None  #: both in turn when None
    note: str = ""
    digits: str = DIGITS
    loss: float = 0.0
    told: bool = True  #: whether lost packets are known to be lost; else there is silence in their place
    least: float | None = None


def _stream(condition: Condition, digit: str, number: int, dice: Dice) -> tuple[s.Samples, str]:
    signal, want = condition.make(digit, dice)
    lead, rest = s.count(dice.uniform(60, 80)) + int(dice.integers(0, 8)), s.count(160)
    out = np.concatenate([np.zeros(lead), signal, np.zeros(rest)])
    if condition.snr_db is not None:
        # White noise all the time, by the power of the digit while it is on.
        on = signal[np.abs(signal) > 0]
        out += s.noise(len(out), s.level(on) - condition.snr_db, dice)
    if condition.under is not None:
        out += condition.under(len(out), dice)
    out += s.noise(len(out), -65, dice)
    return s.line(out, number % 2 if condition.law is None else condition.law), want


def measure(condition: Condition, rounds: int, *, seed: int = SEED) -> Row:
    """Try a condition with every digit, `rounds` times."""
    dice = np.random.default_rng([seed, *condition.name.encode()])
    trials = [_stream(condition, digit, n, dice) for n in range(rounds) for digit in condition.digits]
    length = -(-max(len(samples) for samples, _ in trials) // FRAME) * FRAME
    streams = np.zeros((len(trials), length), np.int16)
    for place, (samples, _) in enumerate(trials):
        streams[place, : len(samples)] = samples
    wanted = [want for _, want in trials]
    lost = dice.random((len(trials), length // FRAME)) < condition.loss
    if condition.loss:
        streams[np.repeat(lost, FRAME, axis=1)] = 0
    known = lost if condition.loss and condition.told else None
    peers: dict[str, Score] = {}
    if spandsp.available():
        for name, filtered in SPANDSP.items():
            others = [
                spandsp.digits(stream, lost[n] if known is not None else (), filtered=filtered)
                for n, stream in enumerate(streams)
            ]
            peers[name] = compare(wanted, others)
    if multimon.available() and not condition.loss:  # one after the other: starting it costs more than listening
        peers["multimon-ng"] = score("".join(wanted), multimon.digits(streams.ravel()))
    ours = compare(wanted, listen(streams, known))
    return Row("dtmf", condition.name, condition.promised, len(trials), ours, peers, condition.least, condition.note)


def press(key: Key) -> Make:
    """One press of the key."""
    return lambda digit, dice: (key.signal(digit, dice), digit)


def nothing(key: Key) -> Make:
    """Something that is no digit."""
    return lambda digit, dice: (key.signal(digit, dice), "")


def twice(key: Key, pause_ms: float, want: int) -> Make:
    """Two presses, or one that is interrupted."""
    return lambda digit, dice: (
        np.concatenate([key.signal(digit, dice), s.silence(pause_ms), key.signal(digit, dice)]),
        digit * want,
    )


def promptness(rounds: int, *, seed: int = SEED) -> Table:
    """When keys of 100 ms are known, and how well their begin and end are placed; by packets of 20 ms."""
    dice = np.random.default_rng([seed, rounds])
    taken = []
    for snr_db in (None, 15.0):
        delays, begins, ends = [], [], []
        for digit in DIGITS * rounds:
            lead = s.count(60) + int(dice.integers(0, FRAME))
            signal = np.concatenate([np.zeros(lead), Key(100).signal(digit, dice), s.silence(120)])
            signal += s.noise(len(signal), -65 if snr_db is None else -7 - snr_db, dice)
            for one in offline.take(dtmf.feed_all, np.zeros(1, DTMF_STATE).view(np.recarray), s.line(signal)[None]):
                if one["phase"] == BEGIN:
                    packet = -(-int(one["at"]) // FRAME) * FRAME
                    delays.append((packet - lead) / 8)
                else:
                    begins.append(abs(int(one["start"]) - lead) / 8)
                    ends.append(abs(int(one["end"]) - lead - s.count(100)) / 8)
        name = "clean" if snr_db is None else f"SNR {snr_db:g} dB"
        figures = [np.percentile(values, share) for values in (delays, begins, ends) for share in (50, 99)]
        taken.append([name, len(delays), *(f"{value:.2f}" for value in figures)])
    columns = ["keys of 100 ms", "recognised", "begin to verdict p50 (ms)", "p99", "error of begin p50", "p99"]
    return Table("dtmf", "DTMF: promptness and placing", [*columns, "error of end p50", "p99"], taken)
