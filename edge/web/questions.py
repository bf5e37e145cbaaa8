"""Asks the supervisor, over the channel, and waits for its answer."""

import asyncio
import itertools
from typing import Any

from edge.runtime.aio import AsyncChannel
from edge.runtime.channel import SupervisorChannel
from edge.vocabulary.supervision import AllScraped, Answered, Ask, ScrapeAll

#: The supervisor gives each process one second for a scrape.
SCRAPE_S = 2.0
ASK_S = 2.0
#: Questions under way at once; more are not asked.
MAX_OPEN = 64


class NoAnswerError(Exception):
    """There is no good answer: nobody gave one in time (`is_silence`), or who was asked can't do it."""

    def __init__(self, text: str, *, is_silence: bool = True) -> None:
        super().__init__(text)
        self.is_silence = is_silence


class Questions:
    """Questions to the supervisor, on the running loop."""

    def __init__(self, channel: SupervisorChannel, on_loop: AsyncChannel) -> None:
        self._channel = channel
        self._on_loop = on_loop
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[Any]] = {}
        channel.on(AllScraped, self._answered)
        channel.on(Answered, self._answered)

    async def scrape_all(self) -> dict[str, str | None]:
        """Exposition texts by process, None for one that did not answer. Raises NoAnswerError."""
        number = next(self._numbers)
        answer: AllScraped = await self._ask(ScrapeAll(number), SCRAPE_S)
        return answer.text

    async def ask(self, process: str, what: str, body: bytes = b"", limit_s: float = 0.0) -> bytes:
        """Have `process` answer a request, in `ASK_S` or `limit_s`. Raises NoAnswerError, also for an error."""
        number = next(self._numbers)
        answer: Answered = await self._ask(Ask(number, process, what, body), limit_s or ASK_S)
        if answer.error is not None:
            raise NoAnswerError(answer.error, is_silence=answer.is_silence)
        return answer.body

    async def _ask(self, question: ScrapeAll | Ask, limit_s: float) -> Any:
        if len(self._open) >= MAX_OPEN:
            raise NoAnswerError("too many questions to the supervisor are open")
        future = self._open[question.id] = asyncio.get_running_loop().create_future()
        try:
            self._channel.send(question)
            self._on_loop.send_rest()
            return await asyncio.wait_for(future, limit_s)
        except TimeoutError:
            raise NoAnswerError("the supervisor does not answer") from None
        finally:
            del self._open[question.id]

    def _answered(self, message: AllScraped | Answered) -> None:
        future = self._open.get(message.id)
        if future is not None and not future.done():  # else it came too late
            future.set_result(message)
