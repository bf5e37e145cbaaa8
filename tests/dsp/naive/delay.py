"""Slow twin of the playout buffer's wanted delay: packets kept one by one, sums made anew for each question.

Arrivals and timestamps in samples of 8 kHz; a packet that did not wait long for its tick counts as a tick later, how
long is what arrivals came to be later within ten seconds.
"""

WINDOW, FIRST_WINDOW, FORGET, BUCKET, BUCKETS = 64_000, 16_000, 8_000, 40, 102


class Path:
    """Same answers as `dsp.plane.delay`: `want` is the offset (play clock minus RTP time) that is wanted."""

    def __init__(self, needed: int, clock: int, start: int, least: int, most: int) -> None:
        self.least, self.most = least, most
        #: [absolute offset, weight]; the start's delay is one of them
        self.packets: list[list[int]] = [[needed + -(-start // BUCKET) * BUCKET, 160]]
        self.reference = self.previous = needed
        self.lows, self.highs = [[needed], [needed]], [[needed + start], [needed + start]]
        #: offsets at the arrival itself, per window
        self.exact: list[list[int]] = [[], []]
        self.exact_previous, self.guard = needed, 24
        self.length = FIRST_WINDOW
        self.window_end, self.forget_at = clock + self.length, clock + FORGET
        self.want, self.target = needed + start, start
        self.missing, self.came, self.packet, self.kept = 0, 16_000, 160, False

    def base(self) -> int:
        return min(self.lows[0] + self.lows[1])

    def note(self, clock: int, needed: int, weight: int, waited: int) -> None:
        careful = needed if waited >= self.guard else needed + 160
        low, self.previous, self.packet = max(needed, self.previous), needed, weight
        exact, self.exact_previous = max(needed - waited, self.exact_previous), needed - waited
        if clock >= self.window_end:
            if self.exact[0] and self.exact[1]:
                later = max(min(self.exact[1]) - min(self.exact[0]), 0)
                self.guard = min(4 + later * 80_000 // self.length, 40)
            self.exact = [self.exact[1], []]
            self.lows, self.highs = [self.lows[1], [low]], [self.highs[1], [careful]]
            self.length = min(2 * self.length, WINDOW)
            self.window_end = clock + self.length
        self.exact[1].append(exact)
        self.lows[1].append(low)
        self.highs[1].append(careful)
        bucket = min(max(-(-(careful - self.reference) // BUCKET), 0), BUCKETS - 1)
        self.packets.append([self.reference + bucket * BUCKET, weight])
        self.came += weight
        forget = clock >= self.forget_at
        if forget:
            self.forget(clock)
        if forget or careful > self.want or low < self.reference:
            self.settle()

    def forget(self, clock: int) -> None:
        """Take half of each bucket, rounded up."""
        self.packets = [[offset, weight - (weight + 1) // 2] for offset, weight in self.summed().items()]
        self.missing -= (self.missing + 31) // 32
        self.came -= (self.came + 31) // 32
        self.forget_at = clock + FORGET

    def summed(self) -> dict[int, int]:
        """Weight by offset; what lies outside the buckets counts as in the first or the last one."""
        sums: dict[int, int] = {}
        for offset, weight in self.packets:
            inside = min(max(offset, self.reference), self.reference + (BUCKETS - 1) * BUCKET)
            sums[inside] = sums.get(inside, 0) + weight
        return sums

    def cost(self, ms: float, offset: int) -> float:
        total = sum(weight for _, weight in self.packets)
        late = 100.0 * sum(weight for at, weight in self.packets if at > offset) / max(total, 1)
        return 0.036 * ms + 0.165 * max(ms - 100.0, 0.0) + 95.0 * late / (late + 25.1)

    def lost(self) -> None:
        self.missing += self.packet

    def foresight(self) -> int:
        """One packet, if the loss makes it worth its delay to conceal from both sides."""
        share = 100.0 * self.missing / max(self.came + self.missing, 1)
        gain = 95.0 * share / (share + 25.1) - 95.0 * share / (share + 45.0)
        self.kept = gain > 0.036 * self.packet / 8 * (0.5 if self.kept else 1.0)
        return self.packet if self.kept else 0

    def settle(self) -> None:
        self.reference += (self.base() - self.reference) // BUCKET * BUCKET
        self.packets = [[offset, weight] for offset, weight in self.summed().items()]
        candidates = {self.reference} | {offset for offset, weight in self.packets if weight > 0}
        costs = [(self.cost((at - self.reference) / 8, at), at) for at in sorted(candidates)]
        best = min(costs, key=lambda pair: pair[0])[1]
        want = min(best, max(self.highs[0] + self.highs[1]))
        self.want = min(max(want, self.base() + max(self.least, self.foresight())), self.base() + self.most)
        self.target = self.want - self.base()
