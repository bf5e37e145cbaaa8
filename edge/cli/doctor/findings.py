"""What `edge doctor` finds: a state, what it was seen by, and what a person can do about it."""

from typing import Literal

from msgspec import Struct

#: `advice`: it works, and is likely to hurt. `bad`: it does not work, or will not for long. `skipped`: not looked at.
State = Literal["ok", "advice", "bad", "skipped"]


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    #: The subject, as `--only` names it.
    check: str
    #: Which one of them: a trunk, a folder, a setting of the kernel.
    what: str
    state: State
    #: What was seen.
    evidence: str
    #: What to do; empty: nothing.
    advice: str = ""


class Notes:
    """Collects the findings of one subject."""

    def __init__(self, check: str) -> None:
        self._check = check
        self.findings: list[Finding] = []

    def _note(self, state: State, what: str, evidence: str, advice: str = "") -> None:
        self.findings.append(Finding(check=self._check, what=what, state=state, evidence=evidence, advice=advice))

    def ok(self, what: str, evidence: str) -> None:
        """Note what is as it should be."""
        self._note("ok", what, evidence)

    def advice(self, what: str, evidence: str, advice: str) -> None:
        """Note what works and should be otherwise."""
        self._note("advice", what, evidence, advice)

    def bad(self, what: str, evidence: str, advice: str) -> None:
        """Note what does not work."""
        self._note("bad", what, evidence, advice)

    def skipped(self, what: str, why: str, advice: str = "") -> None:
        """Note what could not be looked at."""
        self._note("skipped", what, why, advice)
