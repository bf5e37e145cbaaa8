"""Where everything of media lies in the memory that the supervisor holds for it.

First the engine's own state (`dsp.plane.layout`), then, on a page of its own, the slot table and the index of the
prompt memory. Zero bytes are an empty state, so the supervisor only makes a memfd of `state_size` bytes.
"""

import contextlib
import mmap
import os
from typing import NamedTuple

from dsp.plane.layout import PlaneState, map_state, state_bytes
from edge.config.site import Site
from edge.media.prompts import PromptMemory
from edge.media.slots import SlotTable

#: mman.h; Python 3.11 has no name for it.
_MADV_POPULATE_WRITE = 23


class MediaState(NamedTuple):
    """The mapped parts. They stay valid as long as one of them is referenced."""

    plane: PlaneState
    table: SlotTable
    prompt_index: memoryview
    memory: mmap.mmap


def prompt_bytes(site: Site) -> int:
    """Bytes of the prompt arena."""
    return site.media.prompt_memory_mb * 1024 * 1024


def state_size(site: Site) -> int:
    """Bytes of the memfd `media_state` for this configuration."""
    return _own_offset(site) + SlotTable.size(site.media.slots) + PromptMemory.index_size()


def map_media_state(fd: int, site: Site) -> MediaState:
    """Map the memfd; raises ValueError when it is too small or was made by another version or for other sizes."""
    mapped = mmap.mmap(fd, state_size(site), mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)
    memory = memoryview(mapped)
    table_at = _own_offset(site)
    index_at = table_at + SlotTable.size(site.media.slots)
    return MediaState(
        plane=map_state(memory[:table_at], site.media.slots, prompt_bytes(site)),
        table=SlotTable(memory[table_at:index_at], site.media.slots),
        prompt_index=memory[index_at : index_at + PromptMemory.index_size()],
        memory=mapped,
    )


def touch_pages(memory: mmap.mmap, fd: int) -> None:
    """Make the pages of a map of `fd` that exist present here, so that an engine need not fault them in one by one.

    Pages that nobody has written to stay away: memory of slots that were never used costs nothing.
    """
    end, at = len(memory), 0
    with contextlib.suppress(OSError):  # ENXIO: nothing behind `at`; EINVAL: a kernel before 5.14, which faults later
        while at < end:
            start = os.lseek(fd, at, os.SEEK_DATA)
            at = os.lseek(fd, start, os.SEEK_HOLE)
            memory.madvise(_MADV_POPULATE_WRITE, start, min(at, end) - start)


def _own_offset(site: Site) -> int:
    return state_bytes(site.media.slots, prompt_bytes(site))
