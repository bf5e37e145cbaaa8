"""Those who are called in a staged menu: they ring, answer or do not, hear what they are told, and talk."""

import asyncio
import contextlib

from edge.app.menu_prompts import Listener
from edge.app.menu_scene import CROWD, STATUSES, Scene
from edge.app.phone import Talk
from edge.core.sip.message import Request
from edge.core.sip.phone import Over
from edge.runtime.clock import monotonic_ms

#: What is told is over when nothing was heard for so long.
_QUIET_MS = 700
#: No whisper lasts longer.
_LONGEST_MS = 60_000


async def be_called(scene: Scene, talk: Talk, invite: Request, target: str) -> None:
    """Be the one who is called, by the caller of the scene or by somebody of its crowd."""
    call = talk.call
    if call is None:
        return
    gone = asyncio.Event()
    talk.told = lambda action: gone.set() if isinstance(action, Over) else None
    talk.perform(call.ring())
    if invite.from_.uri.user == CROWD:
        talk.accept()
        return
    outcome = await _outcome(scene, target)
    if outcome == "no_answer":
        return
    if outcome not in {"", "not_accepted"}:
        talk.perform(call.refuse(STATUSES.get(outcome, 500), monotonic_ms()))
        return
    if not await within(gone, scene.answers.ring_ms):
        await _answer(scene, talk, gone, takes=not outcome)


async def _answer(scene: Scene, talk: Talk, gone: asyncio.Event, *, takes: bool) -> None:
    """Answer, hear who calls, and talk; `takes`: press the key that takes the call, where there is one."""
    witness = scene.witness
    whisper = witness.whisper if witness is not None else None
    listener = witness.listener("whisper") if witness is not None and whisper is not None else None
    if listener is not None:
        talk.heard = listener.feed
    talk.accept()
    if listener is not None and whisper is not None:
        told = await _is_told(listener, gone)
        talk.heard = lambda _samples: None
        if not takes:
            return  # who does not press the key is left in the end
        if told and whisper.accept:
            talk.press(whisper.accept)
    if not await within(gone, scene.answers.talk_ms):
        talk.hang_up()


async def be_sent(scene: Scene, talk: Talk, target: str) -> None:
    """Call somebody else, as a REFER has it, and tell what came of that."""
    outcome = await _outcome(scene, target)
    if outcome == "no_answer":
        return  # it rings for longer than whoever has sent us waits
    await asyncio.sleep(scene.answers.ring_ms / 1000)
    talk.refer_over(STATUSES.get(outcome, 500) if outcome else 200)


async def within(gone: asyncio.Event, ms: int) -> bool:
    """Wait so long; True when the caller has gone before."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(gone.wait(), ms / 1000)
    return gone.is_set()


async def _outcome(scene: Scene, target: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(None, scene.answers.outcome_of, target)


async def _is_told(listener: Listener, gone: asyncio.Event) -> bool:
    """Hear what is whispered until it is over; False when nothing was."""
    until = monotonic_ms() + _LONGEST_MS
    while monotonic_ms() < until and not await within(gone, 50):
        if listener.quiet_ms >= _QUIET_MS:
            break
    listener.end()
    return listener.loud_ms is not None and not gone.is_set()
