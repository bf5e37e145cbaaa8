"""Rules for telling who answered, read from a file by themselves: to try them before they stand in a site."""

from pathlib import Path

from edge.config.checks import check_amd_rules
from edge.config.errors import ConfigErrors, Findings, Place, did_you_mean
from edge.config.located import Located
from edge.config.shape import Shaper
from edge.config.sources import read_toml
from edge.config.trunk_settings import AmdRules


def load_amd_rules(path: Path, name: str = "") -> AmdRules:
    """Read the tables `[[amd_rules]]` of a TOML file, a whole site file or one with nothing else, and give one.

    Empty `name`: the only one. Raises `ConfigErrors` with every fault of those tables, or when there is no such table.
    """
    findings = Findings()
    root = read_toml(path, findings)
    table = (root.table or {}).get("amd_rules") if root is not None else None
    rules: list[AmdRules] = []
    if root is not None and table is None:
        findings.error(Place(str(path)), "there are no [[amd_rules]]")
    elif table is not None and table.items is None:
        findings.error(table.place, "expected a list of tables: [[amd_rules]]")
    elif root is not None and table is not None:
        rules = _shaped(root, table, path, findings)
    chosen = [one for one in rules if name in {"", one.name}]
    if not findings.errors and len(chosen) != 1:
        names = [one.name for one in rules]
        said = f"there are no amd_rules '{name}'" if name else f"there are {len(rules)} amd_rules"
        advice = did_you_mean(name, names) or "name one of " + ", ".join(names)
        findings.error(Place(str(path)), said, advice)
    if findings.errors:
        raise ConfigErrors(findings.errors, findings.warnings)
    return chosen[0]


def _shaped(root: Located, table: Located, path: Path, findings: Findings) -> list[AmdRules]:
    shaper = Shaper(findings, path.parent)
    rules = []
    for index, item in enumerate(table.items or []):
        before = findings.error_count
        one = shaper.shape(AmdRules, item)
        if findings.error_count == before:
            check_amd_rules(one, root, ("amd_rules", index), findings)
        rules.append(one)
    return rules
