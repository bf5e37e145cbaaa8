"""How much of something may come in a second: token buckets, of one name or of many."""

from collections import OrderedDict


class Bucket:
    """Lets `rate` a second pass, and as many at once after a quiet second."""

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self.rate = rate
        self._burst = rate if burst is None else burst
        self._left = self._burst
        self._at_ms = 0

    def take(self, now_ms: int) -> bool:
        """Take one; False: there is none left."""
        if now_ms != self._at_ms:
            self._left = min(self._burst, self._left + (now_ms - self._at_ms) * self.rate / 1000)
            self._at_ms = now_ms
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Buckets:
    """One bucket a name. Of more than `limit` names the one that was asked for least recently is forgotten."""

    def __init__(self, rate: float, burst: float | None = None, limit: int = 4096) -> None:
        self._rate, self._burst, self._limit = rate, burst, limit
        self._of: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, now_ms: int) -> bool:
        """Take one of `name`'s; False: there is none left."""
        bucket = self._of.get(name)
        if bucket is None:
            if len(self._of) >= self._limit:
                self._of.popitem(last=False)
            bucket = self._of[name] = Bucket(self._rate, self._burst)
        else:
            self._of.move_to_end(name)
        return bucket.take(now_ms)
