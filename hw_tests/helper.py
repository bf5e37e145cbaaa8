"""Somebody who stands by at the bench."""

import pytest


class Helper:
    """Somebody who stands by."""

    def __init__(self, config: pytest.Config) -> None:
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def please(self, text: str) -> None:
        """Ask for something; he has until the test stops waiting."""
        with self._capture.global_and_fixture_disabled():
            print(f"\n>>> {text}", flush=True)
