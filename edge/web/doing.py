"""How acts of the API are done: by switch, once under each `Idempotency-Key`, or by another process; each is told."""

import hashlib
import re
from typing import Any

import msgspec

from edge.web.endpoint import RefusedError, Visit, source_of
from edge.web.questions import NoAnswerError, Questions

_KEY = re.compile(r"[!-~]{1,128}")


class Doing:
    """Has others do what a request wants."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def by_switch(self, visit: Visit, act: str, names: dict[str, str], order: Any) -> dict[str, Any]:
        """Have switch do something, once under each key; raises `RefusedError`."""
        given: dict[str, Any] = msgspec.to_builtins(order) if order is not None else {}
        body = msgspec.json.encode({**{name: value for name, value in given.items() if value is not None}, **names})
        key = visit.request.headers.get("idempotency-key", "")
        if key and not _KEY.fullmatch(key):
            raise RefusedError(400, "a key has 1 to 128 characters, none of them a space", "Idempotency-Key")
        request = {
            "token": visit.holder.name,
            "role": visit.holder.role,
            "source": source_of(visit.request.client),
            "act": act,
            "body": msgspec.Raw(body),
            "key": key,
            "digest": hashlib.sha256(act.encode() + b"\n" + body).hexdigest(),
        }
        found = await self.ask("switch", "act", request)
        if found["status"] != 200:
            raise RefusedError(found["status"], found["error"])
        answer: dict[str, Any] = found["answer"]
        return answer

    async def by_another(  # noqa: PLR0917 - what is asked of whom, and what is told of it
        self, visit: Visit, process: str, what: str, order: Any, subject: str, act: str = ""
    ) -> Any:
        """Have another process do something, and have it told as `act` (else `what`); raises `RefusedError`."""
        try:
            found = await self.ask(process, what, order)
        except RefusedError as error:
            await self.note(visit, act or what, subject, error.text)
            raise
        await self.note(visit, act or what, subject)
        return found

    async def note(self, visit: Visit, act: str, subject: str, why: str = "") -> None:
        """Have it told what another process than switch has done."""
        said = {"act": act, "subject": subject, "why": why}
        who = {"token": visit.holder.name, "role": visit.holder.role, "source": source_of(visit.request.client)}
        await self.ask("switch", "acted", {**who, **said})

    async def ask(self, process: str, what: str, body: Any, limit_s: float = 0.0, *, cannot: int = 409) -> Any:
        """Have a process answer; raises `RefusedError`: 503 where nobody answers, `cannot` where it can't be done."""
        try:
            answer = await self._questions.ask(process, what, msgspec.json.encode(body), limit_s)
        except NoAnswerError as error:
            raise RefusedError(503 if error.is_silence else cannot, str(error)) from None
        return msgspec.json.decode(answer) if answer else {}
