"""Which priority the engine's thread asks for."""

import resource

import pytest

from dsp.plane import scheduling


@pytest.mark.parametrize(
    ("limit", "priority"), [(7, 7), (49, 49), (50, 10), (99, 10), (0, 10), (resource.RLIM_INFINITY, 10)]
)
def test_it_is_what_the_limit_names_below_the_kernel_s_threads(
    monkeypatch: pytest.MonkeyPatch, limit: int, priority: int
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(scheduling.resource, "getrlimit", lambda _which: (limit, limit))
    monkeypatch.setattr(scheduling.resource, "setrlimit", lambda _which, _limits: None)
    monkeypatch.setattr(
        scheduling.os, "sched_setscheduler", lambda _thread, _policy, param: asked.append(param.sched_priority)
    )
    assert scheduling.be_punctual() is scheduling.Service.REAL_TIME
    assert asked == [priority]
