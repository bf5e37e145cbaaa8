"""The report of a bench: profile, firmware, date, what was tested, and the figures; as JSON and to be read."""

import json
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.core.lines.words import Identified


class Report:
    """What a session has found."""

    key = pytest.StashKey["Report"]()

    def __init__(self, profile: str) -> None:
        self.profile = profile
        self.date = datetime.now(UTC)
        self.tests: dict[str, dict[str, Any]] = {}
        self._device: dict[str, str] = {}

    def device(self, found: Identified) -> None:
        """Note who the device says it is. Its IMEI is nobody's affair."""
        self._device = {"vendor": found.vendor, "model": found.model, "firmware": found.firmware}

    def figures(self, test: str) -> dict[str, object]:
        """Give the figures of a test, to be filled."""
        figures: dict[str, object] = self._of(test)["figures"]
        return figures

    def add(self, test: str, made: pytest.TestReport) -> None:
        """Take the outcome of a phase of a test."""
        one = self._of(test)
        if made.when == "call" or made.outcome != "passed":
            one["outcome"] = made.outcome
        if made.outcome == "skipped" and isinstance(made.longrepr, tuple):
            one["reason"] = made.longrepr[2].removeprefix("Skipped: ")
        elif made.outcome == "failed" and made.longrepr is not None:
            one["reason"] = str(getattr(getattr(made.longrepr, "reprcrash", None), "message", made.longrepr))

    @property
    def nothing_tested(self) -> bool:
        """Whether there were tests, and each was skipped."""
        return bool(self.tests) and all(one["outcome"] == "skipped" for one in self.tests.values())

    @property
    def reasons(self) -> list[str]:
        """Why tests were skipped or failed, each once."""
        return list(dict.fromkeys(one["reason"] for one in self.tests.values() if one["reason"]))

    def _of(self, test: str) -> dict[str, Any]:
        return self.tests.setdefault(test, {"outcome": "not run", "reason": "", "figures": {}})

    def write(self, folder: Path) -> list[Path]:
        """Write both forms; gives their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        # Two sessions of a day are two reports.
        stem = f"{self.profile}-{self.date:%Y-%m-%dT%H%M%SZ}"
        document = {
            "profile": self.profile,
            **self._device,
            "date": self.date.isoformat(timespec="seconds"),
            "kernel": platform.release(),
            "tests": self.tests,
        }
        paths = [folder / f"{stem}.json", folder / f"{stem}.md"]
        paths[0].write_text(json.dumps(document, indent=1, default=str) + "\n", encoding="utf-8")
        paths[1].write_text(self._page(document), encoding="utf-8")
        return paths

    def _page(self, document: dict[str, Any]) -> str:
        lines = [f"# {self.profile}, {self.date:%Y-%m-%d %H:%M} UTC", ""]
        lines += [
            f"- {name}: {document[name]}" for name in ("vendor", "model", "firmware", "kernel") if document.get(name)
        ]
        if self.nothing_tested:
            return "\n".join([*lines, "", "Nothing was tested:", *(f"- {reason}" for reason in self.reasons), ""])
        lines += ["", "| test | outcome | figures |", "|---|---|---|"]
        for name, one in self.tests.items():
            shown = ", ".join(
                f"{what} {value}"
                for what, value in one["figures"].items()
                if value not in ("", None) and not isinstance(value, (dict, list))
            )
            told = "; ".join(text for text in (shown, one["reason"]) if text)
            lines.append(f"| {name.removeprefix('test_').replace('_', ' ')} | {one['outcome']} | {_cell(told)} |")
        return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
