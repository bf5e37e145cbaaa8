"""Between the clock of a sound device and our own: a store whose depth says how they differ, and samples made to fit.

Both clocks say 8000 samples a second and mean rates that differ by some hundred ppm; a store between them runs dry or
over within minutes. Here the samples are resampled by as much as keeps the store at its depth: a controller of second
order (a PLL) follows the depth, measured in time rather than in whole blocks, and finds the difference. A thousand ppm,
the most that it puts right, are less than two hundredths of a semitone.

The caller brings the time, so that an hour is a moment of test.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

#: Taps of the interpolation filter and its phases; between two phases it is linear. Pass band to 0.43 of the rate, the
#: error below 70 dB: quieter than the steps of G.711.
_TAPS, _PHASES = 24, 256
#: Most that is put right, and the loop's gains: 1/s and 1/s². The integral finds a difference of 200 ppm within a
#: minute while the depth moves by less than 10 ms.
_MOST = 1000e-6
_PROPORTIONAL, _INTEGRAL = 0.02, 0.0001
#: The depth is smoothed over so long: blocks come with some ms of jitter.
_SMOOTH_S = 2.0
#: Kept in store beyond the longest pause between two blocks, and the least and the most that is wanted.
_MARGIN_S, _LEAST_S, _DEEPEST_S = 0.015, 0.025, 0.200
#: The longest pause between two blocks, as long as none were seen; it is forgotten by half in so long.
_FIRST_PAUSE_S = 0.040
_FORGET_S = 60.0
#: Deeper than wanted by this, the rest is left out at once: the far end would hear us late for minutes.
_OVER_S = 0.240
#: Without samples for so long there is no stream: that it is dry means nothing.
IDLE_S = 0.25


def _table() -> NDArray[np.float32]:
    """Make the phases of a windowed sinc, each of gain 1; one phase more than there are, for the interpolation."""
    cutoff = 0.94
    place = np.arange(_TAPS)[None, :] - (_TAPS // 2 - 1) - (np.arange(_PHASES + 1) / _PHASES)[:, None]
    shape = np.sinc(cutoff * place) * np.i0(7.0 * np.sqrt(np.clip(1 - (2 * place / _TAPS) ** 2, 0, 1))) / np.i0(7.0)
    rows: NDArray[np.float32] = (shape / shape.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows


_FILTERS = _table()


class Stretch:
    """Resamples a stream by a ratio near 1 that may change at any time; it delays by half a filter (1.5 ms)."""

    def __init__(self) -> None:
        #: Input samples for each output sample.
        self.step = 1.0
        self._held: NDArray[np.float32] = np.zeros(_TAPS, np.float32)
        self._at = 0.0

    def feed(self, samples: Samples) -> Samples:
        """Give what becomes of `samples`."""
        held = np.concatenate([self._held, samples.astype(np.float32)])
        count = max(0, int((len(held) - _TAPS - self._at) / self.step) + 1)
        places = self._at + self.step * np.arange(count)
        first = places.astype(np.int64)
        phase = (places - first) * _PHASES
        lower = phase.astype(np.int64)
        share = (phase - lower)[:, None].astype(np.float32)
        filters = _FILTERS[lower] * (1 - share) + _FILTERS[lower + 1] * share
        rows = np.lib.stride_tricks.sliding_window_view(held, _TAPS)[first]
        out = np.einsum("ij,ij->i", rows, filters)
        self._at += count * self.step
        whole = int(self._at)
        self._held, self._at = held[whole:], self._at - whole
        made: Samples = np.clip(np.rint(out), -32768, 32767).astype(np.int16)
        return made


class DriftStore:
    """Samples on their way from one clock to another, both nominally of `rate`. Not safe for threads by itself."""

    def __init__(self, rate: int = 8000) -> None:
        self.rate = rate
        #: Times that it had too little, and that it had too much; samples that were left out.
        self.underruns = self.overruns = self.dropped = 0
        self._stretch = Stretch()
        self._samples: Samples = np.zeros(0, np.int16)
        self._put_s: float | None = None
        self._took_s = -IDLE_S
        self._pause_s = _FIRST_PAUSE_S
        self._depth_s: float | None = None
        self._drift = 0.0
        self._playing = False

    @property
    def drift_ppm(self) -> float:
        """By how much the clock that fills it is faster than the one that empties it, as found so far."""
        return 1e6 * self._drift

    @property
    def wanted_s(self) -> float:
        """The depth that it is kept at."""
        return min(_DEEPEST_S, max(_LEAST_S, self._pause_s + _MARGIN_S))

    @property
    def depth_s(self) -> float:
        """What is in it now."""
        return len(self._samples) / self.rate

    def put(self, samples: Samples, now_s: float) -> None:
        """Take what has come by `now_s`."""
        if self._put_s is None or now_s - self._put_s > IDLE_S:
            self._begin()
        else:
            pause_s = now_s - self._put_s
            self._pause_s = max(pause_s, self._pause_s * 0.5 ** (pause_s / _FORGET_S))
        self._put_s = now_s
        self._samples = np.concatenate([self._samples, self._stretch.feed(samples)])
        over = self.depth_s - self.wanted_s - len(samples) / self.rate
        if now_s - self._took_s > IDLE_S:  # nobody listens
            self._playing = False
            self._samples = self._samples[-int(self.wanted_s * self.rate) :]
        elif over > _OVER_S:
            surplus = int(over * self.rate)
            self.overruns, self.dropped = self.overruns + 1, self.dropped + surplus
            self._samples = self._samples[surplus:]
            self._depth_s = None

    def take(self, count: int, now_s: float) -> Samples:
        """Give the next `count` samples; what is missing is silence."""
        lasted_s, self._took_s = now_s - self._took_s, now_s
        live = self._put_s is not None and now_s - self._put_s <= IDLE_S
        if not self._playing:
            # One block more than is wanted at the least: this one is about to leave.
            if not live or self.depth_s < self.wanted_s + count / self.rate:
                return np.zeros(count, np.int16)
            # Begin at the depth that is wanted, or the controller would take the surplus for a difference of clocks.
            self._samples = self._samples[-count - int(self.wanted_s * self.rate) :]
            self._playing, self._depth_s = True, None
        ready, self._samples = self._samples[:count], self._samples[count:]
        if len(ready) < count:
            self._playing = False
            if live:
                self.underruns += 1
                self._pause_s = min(_DEEPEST_S, self._pause_s + _MARGIN_S)
            return np.concatenate([ready, np.zeros(count - len(ready), np.int16)])
        if live and self._put_s is not None:
            self._follow(self.depth_s + now_s - self._put_s, min(lasted_s, IDLE_S))
        return ready

    def _begin(self) -> None:
        """Begin a stream; how far the clocks are apart is known from the one before."""
        self._samples, self._playing, self._depth_s = self._samples[:0], False, None

    def _follow(self, depth_s: float, lasted_s: float) -> None:
        # What has come since the last block is not here yet, and part of the depth: so it does not move by blocks.
        if self._depth_s is None:
            self._depth_s = depth_s
        self._depth_s += (depth_s - self._depth_s) * min(1.0, lasted_s / _SMOOTH_S)
        error = self._depth_s - self.wanted_s
        drift = self._drift + _INTEGRAL * error * lasted_s
        wanted = drift + _PROPORTIONAL * error
        if abs(wanted) <= _MOST:
            self._drift = drift  # at its limit it would learn what is not so
        self._stretch.step = 1.0 + min(_MOST, max(-_MOST, wanted))
