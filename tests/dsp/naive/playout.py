"""Slow twin of the playout ring: samples in a dictionary by time. Says nothing about concealed frames."""

LATE_RUN = 3


class Playout:
    """Same answers as `dsp.plane.jitter.put`; `play` gives a frame only where nothing had to be made up."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.samples: dict[int, int] = {}
        self.state = "stopped"
        self.next = self.newest = self.dry = 0
        self.late = self.duplicates = self.late_run = 0
        self.jump: int | None = None
        self.fading = True
        self.least = None
        self.ticks = 0

    def _prime(self, ts: int) -> None:
        self.samples = {}
        self.state, self.next, self.newest = "priming", ts - self.target, ts
        self.dry = self.late_run = self.ticks = 0
        self.jump = None
        self.least = None

    def put(self, samples, ts: int) -> int:
        length = len(samples)
        if self.state == "stopped" or self.dry >= 480:
            self._prime(ts)
        elif abs(ts - self.newest) > 8000:
            if self.jump is None or abs(ts - self.jump) > 160:
                self.jump = ts + length
                return 3
            self._prime(ts)
        self.jump = None
        if self.state == "priming" and ts - self.target > self.next:
            self.next = ts - self.target
            self.samples = {t: v for t, v in self.samples.items() if t >= self.next}
        if ts + length <= self.next:
            self.late += 1
            self.late_run += 1
            if self.late_run < LATE_RUN:
                return 1
            self._prime(ts)
        if ts + length - 1 in self.samples:
            self.duplicates += 1
            return 2
        for i, value in enumerate(samples):
            if ts + i >= self.next:
                self.samples[ts + i] = int(value)
        self.newest = max(self.newest, ts + length)
        self.late_run = 0
        return 0

    def play(self):
        if self.state == "stopped":
            return None
        lead = self.newest - self.next
        self.least = lead if self.least is None else min(self.least, lead)
        self.ticks += 1
        frame = [self.samples.pop(self.next + i, None) for i in range(160)]
        self.next += 160
        absent = frame.count(None)
        clean = absent == 0 and not self.fading
        shrunk = False
        if clean:
            self.dry = 0
            if (
                self.ticks >= 25
                and self.least > self.target + 320
                and all(self.next + i in self.samples for i in range(160))
            ):
                for i in range(160):
                    del self.samples[self.next + i]
                self.next += 160
                shrunk = True
        else:
            self.dry = self.dry + 160 if lead <= 0 else self.dry
            self.fading = self._still_fading(frame)
        if absent < 160:
            self.state = "playing"
            if lead > 0:
                self.dry = 0
        if self.ticks >= 25:
            self.ticks, self.least = 0, None
        return frame if clean and not shrunk else None

    @staticmethod
    def _still_fading(frame) -> bool:
        """A frame whose last 40 samples or more are there has faded over to them."""
        return any(value is None for value in frame[-40:])
