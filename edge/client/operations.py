"""The methods that both clients have: one table, of which each makes its own kind."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Generic, ParamSpec, Self, TypeVar, overload

from edge.client import endpoints
from edge.client.asking import Request

P = ParamSpec("P")
T = TypeVar("T")


class Sender:
    """A client that waits for answers."""

    def send(self, request: Request[T]) -> T:
        """Send a request and read its answer."""
        raise NotImplementedError


class AsyncSender:
    """A client whose methods are awaited."""

    async def send(self, request: Request[T]) -> T:
        """Send a request and read its answer."""
        raise NotImplementedError


class Operation(Generic[P, T]):
    """A method of both clients, made of the function that makes its request."""

    def __init__(self, make: Callable[P, Request[T]]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, client: None, owner: Any = None) -> Self: ...
    @overload
    def __get__(self, client: Sender, owner: Any = None) -> Callable[P, T]: ...
    @overload
    def __get__(self, client: AsyncSender, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, client: Any, owner: Any = None) -> Any:
        """Give the method of a client."""
        if client is None:
            return self
        make = self._make

        @wraps(make)
        def method(*arguments: P.args, **named: P.kwargs) -> Any:
            return client.send(make(*arguments, **named))

        return method


class Operations:
    """Operations of `/openapi.json`. All raise `ApiError`, and `httpx.TransportError` without an answer."""

    me = Operation(endpoints.me)
    status = Operation(endpoints.status)
    calls = Operation(endpoints.calls)
    call = Operation(endpoints.call)
    events = Operation(endpoints.events)
    recordings = Operation(endpoints.recordings)
    trunks = Operation(endpoints.trunks)
    queues = Operation(endpoints.queues)
    agents = Operation(endpoints.agents)
    campaigns = Operation(endpoints.campaigns)
    callbacks = Operation(endpoints.callbacks)
    sip = Operation(endpoints.sip)
    sinks = Operation(endpoints.sinks)
    replays = Operation(endpoints.replays)
    surveys = Operation(endpoints.surveys)
    trials = Operation(endpoints.trials)
    order_callback = Operation(endpoints.order_callback)
    set_trial = Operation(endpoints.set_trial)
    originate = Operation(endpoints.originate)
    hang_up = Operation(endpoints.hang_up)
    play = Operation(endpoints.play)
    say = Operation(endpoints.say)
    bridge = Operation(endpoints.bridge)
    gather = Operation(endpoints.gather)
    press = Operation(endpoints.press)
    transfer = Operation(endpoints.transfer)
    queue = Operation(endpoints.queue)
    record = Operation(endpoints.record)
    announce = Operation(endpoints.announce)
    invite = Operation(endpoints.invite)
    set_mode = Operation(endpoints.set_mode)
    set_sound = Operation(endpoints.set_sound)
    hold = Operation(endpoints.hold)
    drop = Operation(endpoints.drop)
    set_agent = Operation(endpoints.set_agent)
    preview = Operation(endpoints.preview)
    answer_preview = Operation(endpoints.answer_preview)
    give_result = Operation(endpoints.give_result)
    set_campaign = Operation(endpoints.set_campaign)
    add_contacts = Operation(endpoints.add_contacts)
    suppress = Operation(endpoints.suppress)
    replay = Operation(endpoints.replay)
    reload = Operation(endpoints.reload)
    operation = Operation(endpoints.operation)
