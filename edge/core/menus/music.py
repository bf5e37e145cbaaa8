"""Music that plays while a call waits: words interrupt it, and it goes on where it was."""

from typing import Final

from edge.core.menus.parts import Sound
from edge.core.menus.visit import Walk
from edge.core.menus.words import PlaySounds

#: Music that ends sooner is none.
LEAST_MUSIC_MS: Final = 1000


class Music:
    """The music of one stay."""

    def __init__(self, walk: Walk, sounds: list[Sound]) -> None:
        self._walk = walk
        self._sounds = sounds
        #: Since when it plays, and how much of it was heard before.
        self._since_ms: int | None = None
        self._heard_ms = 0

    @property
    def plays(self) -> bool:
        """It is what is heard."""
        return self._since_ms is not None

    def go_on(self) -> None:
        """Play, from where it was on, again and again."""
        heard = self._walk.heard(self._sounds)
        if heard:
            self._since_ms = self._walk.now_ms
            self._walk.do(PlaySounds(heard, barge_in=False, times=0, start_ms=self._heard_ms))

    def pause(self) -> None:
        """Note how far it was heard; something else is going to be played, or nothing."""
        if self._since_ms is not None:
            self._heard_ms += self._walk.now_ms - self._since_ms
            self._since_ms = None

    def played(self) -> bool:
        """Note that what was played is over, words or music that was lost. True: music may go on.

        A file that can't be read ends at once; it must not be asked for again and again.
        """
        since_ms = self._since_ms
        self.pause()
        return since_ms is None or self._walk.now_ms - since_ms >= LEAST_MUSIC_MS
