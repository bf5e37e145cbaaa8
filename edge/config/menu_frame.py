"""What a menu's file says beside its nodes: languages, attributes, opening hours, keys that mean the same in all."""

from edge.config import kinds
from edge.config.calendars import calendar_of
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, did_you_mean
from edge.config.located import Located, find, place_of
from edge.config.menu_checks import place_nodes
from edge.config.menu_nodes.parts import Frame
from edge.config.menu_nodes.set import advice_of
from edge.config.menu_source import AttributeSource, MenuSource
from edge.config.zones import zone_of
from edge.core.menus import model
from edge.core.menus.facts import GIVEN, KNOWN_ATTRIBUTES

#: Attributes of a menu.
MOST_ATTRIBUTES = 64


def frame_of(menu: MenuSource, root: Located, site: CompiledSite, prefix: str, findings: Findings) -> Frame:
    """Compile it. `prefix`: of the file's nodes in the compiled menu."""
    calendars = dict(site.calendars)
    for name, hours in menu.hours.items():
        calendars[name] = calendar_of(hours, find(root, ("hours", name)) or root, findings)
    return Frame(
        languages=list(dict.fromkeys([menu.language or "en", *(one for one in menu.languages if one)])),
        attributes=_attributes(menu, root, findings),
        calendars=calendars,
        commands=_commands(menu, root, prefix, findings),
        zone=zone_of(menu.time_zone or "UTC"),
    )


def _attributes(menu: MenuSource, root: Located, findings: Findings) -> dict[str, model.Attribute]:
    if len(menu.attributes) > MOST_ATTRIBUTES:
        findings.error(place_of(root, ("attributes",)), f"more than {MOST_ATTRIBUTES} attributes")
    return {name: _attribute(name, one, root, findings) for name, one in menu.attributes.items()}


def _attribute(name: str, written: AttributeSource, root: Located, findings: Findings) -> model.Attribute:
    key, place = place_of(root, ("attributes", name), key=True), place_of(root, ("attributes", name))
    fault = kinds.attribute_fault(name)
    if fault:
        findings.error(key, fault)
    elif name in GIVEN:
        findings.error(key, f"'{name}' is a value that every call has", "take another name")
    elif name in KNOWN_ATTRIBUTES and written.type != KNOWN_ATTRIBUTES[name].type:
        findings.error(key, f"'{name}' is a {KNOWN_ATTRIBUTES[name].type} everywhere")
    if written.min > written.max:
        findings.error(place, f"min {written.min} is more than max {written.max}")
    attribute = model.Attribute(
        type=written.type, values=written.values, least=written.min, most=written.max, default=written.default
    )
    wrong = next((one for one in written.values if not model.Attribute(type=written.type).takes(one)), None)
    if written.values and written.type != "word":
        findings.error(place, f"a {written.type} has no list of values", "type: word")
    elif wrong is not None:
        findings.error(place, f"'{wrong[:60]}' is no word", advice_of(model.Attribute()))
    if not attribute.takes(written.default):
        findings.error(place, f"its default '{written.default[:60]}' is none of its values", advice_of(attribute))
    return attribute


def _commands(menu: MenuSource, root: Located, prefix: str, findings: Findings) -> model.Commands | None:
    listed = place_nodes(root)
    words: dict[str, str] = {}
    nodes: dict[str, str] = {}
    for key, what in menu.commands.items():
        place, key_place = place_of(root, ("commands", key)), place_of(root, ("commands", key), key=True)
        fault = kinds.digits_fault(key)
        if fault or len(key) != 1:
            findings.error(key_place, fault or "a command is one key", "put '#' and '*' in quotes")
        elif what in {"again", "back"}:
            if what in words:
                findings.error(key_place, f"'{what}' has two keys")
            words[what] = key
        else:
            target = menu.start if what == "main_menu" and what not in listed else what
            if target not in listed:
                known = ["again", "back", "main_menu", *listed]
                findings.error(place, f"there is no node '{what}'", did_you_mean(what, known))
            nodes[key] = f"{prefix}{target}"
    if not words and not nodes:
        return None
    return model.Commands(again=words.get("again", ""), back=words.get("back", ""), nodes=nodes)
