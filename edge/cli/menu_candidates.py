"""Menus that are on trial, for tests that say by which trial their call comes."""

from pathlib import Path

from edge.config.errors import did_you_mean
from edge.config.menus import MenuCompiler
from edge.config.site import Site
from edge.config.versions import NoVersionError, Versions
from edge.core.menus.model import Menu


class Candidates:
    """The candidates of the trials of one menu. `state` is the folder in which the site keeps versions."""

    def __init__(self, menu: Menu, site: Site, compiler: MenuCompiler, state: Path) -> None:
        self._menu, self._site, self._compiler, self._state = menu, site, compiler, state
        self._found: dict[str, Menu | str] = {}

    def of(self, trial: str) -> Menu | str:
        """Return the menu that a trial tries in place of this one, else why there is none."""
        if trial not in self._found:
            self._found[trial] = self._find(trial)
        return self._found[trial]

    def _find(self, name: str) -> Menu | str:
        trials = {one.name: one for one in self._site.trials}
        trial = trials.get(name)
        if trial is None:
            return f"the site has no trial '{name}' ({did_you_mean(name, trials) or 'see [[trials]]'})"
        if trial.menu != self._menu.name:
            return f"trial '{name}' is of menu '{trial.menu}'"
        if trial.version:
            try:
                versions = Versions(self._state)
                return versions.kept(trial.candidate, versions.find(trial.candidate, trial.version)).menu
            except NoVersionError as error:
                return str(error)
        file = Path(self._site.paths.menus) / f"{trial.candidate}.yaml"
        menu = self._compiler.compile_file(file) if file.is_file() else None
        return menu or f"menu '{trial.candidate}', which trial '{name}' tries, cannot be compiled"
