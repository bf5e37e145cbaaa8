"""An ear for prompts: which of a set of known sounds is being heard, and since when, told from the audio alone.

A sound is held against what is heard from its first frame on, so every frame of it is a place where its play may have
come to; the bits of fingerprints (`dsp.fingerprint`) that differ are summed up along the way. Plays may be cut short,
may follow each other without a pause, and may begin alike; a sound that is a part of another one is not heard while
that one is.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsp.fingerprint import (
    BITS,
    COMPARED,
    ENOUGH,
    FRAME_MS,
    HOP,
    LEAST,
    MOST,
    SPAN,
    WINDOW,
    Library,
    Samples,
    bits_of,
    changes_of,
    energies_of,
)

#: A play that goes on differs by less than this over the last `_RECENT` sounding frames.
_ALIVE, _RECENT = 0.41, 20
#: Each third of what was heard of it differs by less than this.
_THIRD = 0.40
#: Frames of what is heard that are kept.
_KEPT = 2048
#: What begins within so many frames begins at the same time.
_NEAR = 6
#: Frames that a sound is noticed before it is told: what fits better may show by then.
_CONFIRM = 15
#: What is told differs by less than this, and by less than `_BETTER` more than what else was noticed.
_SURE, _BETTER = 0.16, 0.08
#: What fits as well as another sound differs from it by less than this.
_AS_GOOD = 0.03
#: Frames that a short sound waits for one that it may be a part of.
_SETTLE = 45
#: Sounding frames by which a longer sound has to go on when a shorter one that begins alike is over.
_BEYOND = 25
_DRIFT = (-2, -1, 0, 1, 2)


class Heard(NamedTuple):
    """A sound that was recognised."""

    #: Its index in the library.
    sound: int
    #: When it began, and when it was known, milliseconds of what was heard.
    start_ms: int
    told_ms: int
    #: Share of bits that differ: some 0.1 of what went through a codec, 0.5 of anything else.
    share: float


class _Track:
    """One sound that may be playing."""

    def __init__(self, library: Library, sound: int, start: int) -> None:
        self.sound, self.start = sound, start
        self.first, self.frames = int(library.first[sound]), int(library.frames[sound])
        self.total = library.total(sound)
        self._library = library
        self._recent = [deque[int](maxlen=_RECENT) for _ in _DRIFT]
        #: Differing bits and the frame of what is heard, of sounding frames.
        self.seen: list[tuple[int, int]] = []
        #: Sounding frames that it has come to.
        self.reached = 0
        self.complete = self.cut = False

    @property
    def over(self) -> bool:
        return self.complete or self.cut

    def take_up(self, heard: NDArray[np.uint32]) -> bool:
        """Begin with the frames since `start`; False: they are not those of the sound, all along."""
        library, count = self._library, min(len(heard), self.frames)
        places = np.arange(self.first, self.first + count)
        sounding = np.flatnonzero(library.sounding[places])
        known = places[sounding]
        differing = np.bitwise_count((library.bits[known] ^ heard[sounding]) & library.masks[known])
        self.seen = [(int(bits), self.start + int(at)) for bits, at in zip(differing, sounding, strict=True)]
        self.reached = len(self.seen)
        self.complete = self.reached >= self.total
        return all(third.mean() < _THIRD * COMPARED for third in np.array_split(differing, 3) if len(third))

    @property
    def share(self) -> float:
        """Share of bits that differ so far."""
        return sum(bits for bits, _ in self.seen) / (COMPARED * max(1, len(self.seen)))

    def hear(self, frame: int, heard: int) -> None:
        """Compare a frame."""
        at = frame - self.start
        if at >= self.frames:
            self.complete = not self.cut
            return
        library = self._library
        best = COMPARED
        for drift, recent in zip(_DRIFT, self._recent, strict=True):
            place = at + drift
            if 0 <= place < self.frames and library.sounding[self.first + place]:
                at_place = self.first + place
                differing = ((int(library.bits[at_place]) ^ heard) & int(library.masks[at_place])).bit_count()
                recent.append(differing)
                best = min(best, differing)
        if library.sounding[self.first + at]:
            self.reached = int(library.counted[self.first + at])
            self.seen.append((self._recent[_DRIFT.index(0)][-1], frame))
            self.cut = min(map(_mean, self._recent)) > _ALIVE * COMPARED
        if self.reached >= self.total and not self.cut:
            self.complete = True

    def fits_from(self, sounding: int) -> bool:
        """Say whether what was heard after so many sounding frames is it, too; of a few frames nobody can tell."""
        rest = [bits for bits, _ in self.seen[sounding:]]
        return len(rest) < 4 or sum(rest) < _THIRD * COMPARED * len(rest)

    def explains(self, since: int) -> bool:
        """Say whether it is what has been heard since a frame."""
        later = [bits for bits, frame in self.seen if frame >= since]
        return len(later) >= 8 and sum(later) < _ALIVE * COMPARED * len(later)


def _mean(values: deque[int]) -> float:
    return sum(values) / len(values) if len(values) == _RECENT else 0.0


class _Group:
    """Sounds of which one began at a moment."""

    def __init__(self, start: int, frame: int) -> None:
        self.start, self.begun = start, frame
        self.tracks: list[_Track] = []
        self.told: _Track | None = None

    @property
    def share(self) -> float:
        """Share of bits that differ, of what fits best."""
        tracks = [self.told] if self.told is not None else self.tracks
        return min((one.share for one in tracks), default=1.0)

    def has(self, track: _Track) -> bool:
        """Say whether a sound is followed already, and fits as well there; takes one that fits better in its place."""
        for number, one in enumerate(self.tracks):
            if one.sound == track.sound:
                if track.share < one.share:
                    self.tracks[number] = track
                return True
        return False

    def verdict(self, frame: int) -> _Track | None:
        """Return the sound that it is, None while that is open."""
        if frame - self.begun < _CONFIRM:
            return None
        alive = [one for one in self.tracks if not one.over]
        complete = sorted((one for one in self.tracks if one.complete), key=lambda one: -one.total)
        if not alive:
            if frame - self.begun < _SETTLE and all(one.total < ENOUGH for one in complete or self.tracks):
                return None
            if complete:
                return self._whole(complete)
            enough = [one for one in self.tracks if one.reached >= ENOUGH and one.share < _SURE]
            return max(enough, key=lambda one: (one.reached // _RECENT, -one.share), default=None)
        if len(alive) > 1 or alive[0].reached < ENOUGH or alive[0].share >= _SURE:
            return None
        ahead = max((one.total for one in complete), default=0) + (_BEYOND if complete else 0)
        return alive[0] if alive[0].reached >= ahead else None

    def _whole(self, complete: list[_Track]) -> _Track | None:
        """Choose among sounds that were heard to their ends: the longest of those that fit best.

        It has to fit beyond shorter ones. What begins otherwise and ends alike, as numbers do, fits less well.
        """
        best = min(one.share for one in complete)
        fitting = [
            one
            for one in complete
            if one.share < min(_SURE, best + _AS_GOOD)
            and all(one.fits_from(other.total) for other in complete if other.total < one.total)
        ]
        longest = max((one.total for one in fitting), default=0)
        return min((one for one in fitting if one.total > longest - 4), key=lambda one: one.share, default=None)


class Ear:
    """Listens to one stream and tells the sounds of a library as they are recognised."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._samples = np.zeros(0, np.int16)
        self._energies = np.zeros((0, BITS + 1), np.float32)
        size = len(library.bits)
        #: Differing bits of a play that has come to each frame of the library.
        self._sums = np.full(size, 1 << 20, np.int32)
        self._next = np.zeros(size, np.int32)
        self._words = np.zeros(size, np.uint32)
        self._differing = np.zeros(size, np.uint8)
        self._frame = SPAN - 1
        #: The last frames that were heard.
        self._heard = np.zeros(0, np.uint32)
        self._groups: list[_Group] = []

    @property
    def heard_ms(self) -> int:
        """How much has been heard."""
        return (self._frame + 1) * FRAME_MS

    def feed(self, samples: Samples) -> list[Heard]:
        """Hear int16 samples at 8 kHz, any number of them; returns what is known now."""
        self._samples = np.concatenate([self._samples, samples])
        fresh = energies_of(self._samples)
        self._samples = self._samples[len(fresh) * HOP :]
        energies = np.concatenate([self._energies, fresh])
        self._energies = energies[-SPAN:]
        found: list[Heard] = []
        if len(energies) > SPAN and len(self._library):
            for heard in bits_of(changes_of(energies) > 0):
                self._frame += 1
                self._heard = np.append(self._heard[-_KEPT:], heard)
                found += self._hear(heard)
        return found

    def end(self) -> list[Heard]:
        """Tell what can be told when nothing more comes."""
        return self.feed(np.zeros((_SETTLE + _RECENT) * HOP + WINDOW, np.int16))

    def _hear(self, heard: np.uint32) -> list[Heard]:
        library, frame = self._library, self._frame
        np.bitwise_and(np.bitwise_xor(library.bits, heard, out=self._words), library.masks, out=self._words)
        np.bitwise_count(self._words, out=self._differing)
        self._next[1:] = self._sums[:-1]
        self._next[library.first] = 0
        self._next += self._differing
        self._sums, self._next = self._next, self._sums
        for group in self._groups:
            for track in group.tracks:
                if not track.over:
                    track.hear(frame, int(heard))
        for place in np.flatnonzero(self._sums <= library.most):
            self._suspect(int(place), frame)
        return self._tell(frame)

    def _suspect(self, place: int, frame: int) -> None:
        """Follow a sound that may be playing, and all that began like it."""
        library = self._library
        sound = int(np.searchsorted(library.first, place, "right")) - 1
        start = frame - (place - int(library.first[sound]))
        group = next((one for one in self._groups if abs(one.start - start) <= _NEAR), None)
        if group is not None and group.told is not None:
            return
        track = self._track(sound, start)
        if track is None or (group is not None and group.has(track)):
            return
        if group is None:
            group = _Group(start, frame)
            self._groups.append(group)
            self._groups.sort(key=lambda one: one.start)
        group.tracks.append(track)
        for rival, its_place in self._rivals(frame - start, sound):
            its_track = self._track(rival, frame - (its_place - int(library.first[rival])))
            if its_track is not None and not group.has(its_track):
                group.tracks.append(its_track)

    def _track(self, sound: int, start: int) -> _Track | None:
        """Follow a sound from its begin on; None: what was heard since then is not it."""
        since = self._frame - start + 1
        if since > len(self._heard):
            return None
        track = _Track(self._library, sound, start)
        return track if track.take_up(self._heard[-since:]) else None

    def _rivals(self, at: int, sound: int) -> list[tuple[int, int]]:
        """Return sounds that what was heard fits nearly as well, each with the frame that it has come to."""
        library = self._library
        found = []
        for drift in _DRIFT:
            fits = np.flatnonzero((at + drift < library.frames) & (at + drift >= 0))
            places = library.first[fits] + at + drift
            counted = library.counted[places]
            near = (counted >= LEAST) & (self._sums[places] < (MOST + 0.05) * COMPARED * counted)
            found += [(int(one), int(place)) for one, place in zip(fits[near], places[near], strict=True)]
        best: dict[int, int] = {}
        for one, place in found:
            if one != sound and (one not in best or self._sums[place] < self._sums[best[one]]):
                best[one] = place
        return list(best.items())

    def _tell(self, frame: int) -> list[Heard]:
        found, kept = [], list[_Group]()
        for group in self._groups:
            if group.told is None:
                if any(self._covers(other, group) or self._fits_better(other, group) for other in self._groups):
                    continue
                group.told = group.verdict(frame)
                if group.told is not None:
                    start_ms = (group.told.start - SPAN) * FRAME_MS
                    found.append(Heard(group.told.sound, start_ms, self.heard_ms, group.told.share))
                elif all(one.over for one in group.tracks) and frame - group.begun >= _SETTLE:
                    continue
            elif group.told.over and frame - group.told.start > group.told.frames + 2 * _SETTLE:
                continue
            kept.append(group)
        self._groups = kept
        return found

    def _covers(self, other: _Group, group: _Group) -> bool:
        """Say whether a sound that began before is what made this one heard."""
        if other.start >= group.start - _NEAR or other.share > group.share + _BETTER:
            return False
        tracks = [other.told] if other.told is not None else other.tracks
        return any(one.explains(group.start) for one in tracks)

    def _fits_better(self, other: _Group, group: _Group) -> bool:
        """Say whether a sound that began while this one would have been heard fits clearly better."""
        later = group.start < other.start < group.start + ENOUGH
        return later and other.share < group.share - _BETTER
