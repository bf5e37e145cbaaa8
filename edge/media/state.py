"""Where everything of media lies in the memory that the supervisor holds for it.

First the engine's own state (`dsp.plane.layout`), then, on a page of its own, the slot table and the index of the
prompt memory. Zero bytes are an empty state, so the supervisor only makes a memfd of `state_size` bytes.
"""

import mmap
from typing import NamedTuple

from dsp.plane.layout import PlaneState, map_state, state_bytes
from edge.config.site import Site
from edge.media.prompts import PromptMemory
from edge.media.slots import SlotTable


class MediaState(NamedTuple):
    """The mapped parts. They stay valid as long as one of them is referenced."""

    plane: PlaneState
    table: SlotTable
    prompt_index: memoryview


def prompt_bytes(site: Site) -> int:
    """Bytes of the prompt arena."""
    return site.media.prompt_memory_mb * 1024 * 1024


def state_size(site: Site) -> int:
    """Bytes of the memfd `media_state` for this configuration."""
    return _own_offset(site) + SlotTable.size(site.media.slots) + PromptMemory.index_size()


def map_media_state(fd: int, site: Site) -> MediaState:
    """Map the memfd; raises ValueError when it is too small or was made by another version or for other sizes."""
    memory = memoryview(mmap.mmap(fd, state_size(site), mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE))
    table_at = _own_offset(site)
    index_at = table_at + SlotTable.size(site.media.slots)
    return MediaState(
        plane=map_state(memory[:table_at], site.media.slots, prompt_bytes(site)),
        table=SlotTable(memory[table_at:index_at], site.media.slots),
        prompt_index=memory[index_at : index_at + PromptMemory.index_size()],
    )


def _own_offset(site: Site) -> int:
    return state_bytes(site.media.slots, prompt_bytes(site))
