"""Countries and their tones in a configuration: what is wrong with them, with its place."""

from dsp.tones.cadence import MAX_COUNTRIES, NAMES, recognised, steps_of, with_countries
from dsp.tones.notation import NotationError, parse
from edge.config.errors import Findings, did_you_mean
from edge.config.kinds import name_fault
from edge.config.located import Located, place_of
from edge.config.site import Site
from edge.config.trunk_settings import Trunk
from edge.core.menus.model import TONE, Sound

#: Every country's tones, where it is not known.
ANY = "any"
#: No tone.
SILENT = "none"
#: Countries that the tables call otherwise than ISO 3166 does.
_COUNTRY_CODES = {"GB": "uk"}


def countries_of(site: Site) -> set[str]:
    """Give what a trunk may say of its country: those of the tables and the site's own, and `any`."""
    return {*with_countries(site.tones), ANY}


def ringing_of(site: Site, trunk: Trunk | None) -> list[Sound]:
    """Give what a caller hears while a phone behind `trunk` rings: the country's ringing tone, or nothing."""
    known = with_countries(site.tones)
    of_trunk = (trunk.tones, _COUNTRY_CODES.get(trunk.country, trunk.country.lower())) if trunk is not None else ()
    for country in (*of_trunk, site.media.ringing_tone):
        tone = known.get(country, {}).get("ring")
        if tone is not None:
            return [Sound(TONE + tone, f"ringing tone ({country})")]
        if country == SILENT:
            break
    return []


def tone_fault(text: str) -> str:
    """Say what is wrong with a tone in the notation of `indications.conf`; empty: nothing."""
    try:
        parse(text)
    except NotationError as error:
        return str(error)
    return ""


def check_tones(site: Site, root: Located, findings: Findings) -> None:
    """Check `[tones]`, and that trunks name countries that there are."""
    for country, tones in site.tones.items():
        if country == ANY or name_fault(country):
            findings.follow_up(place_of(root, ("tones", country), key=True), f"'{country}' cannot name a country")
        for name, text in tones.items():
            _check_tone(name, text, root, ("tones", country, name), findings)
    known = with_countries(site.tones)
    ringing = site.media.ringing_tone
    if ringing and ringing != SILENT and "ring" not in known.get(ringing, {}):
        findings.follow_up(
            place_of(root, ("media", "ringing_tone")),
            f"there is no ringing tone of '{ringing}'",
            did_you_mean(ringing, [*known, SILENT]) or f"known: {', '.join(sorted(known))}, {SILENT}",
        )
    if len(known) > MAX_COUNTRIES:
        findings.follow_up(place_of(root, ("tones",)), f"{len(known)} countries, at most {MAX_COUNTRIES}")
    for index, trunk in enumerate(site.trunks):
        if trunk.tones and trunk.tones != ANY and trunk.tones not in known:
            findings.follow_up(
                place_of(root, ("trunks", index, "tones")),
                f"there are no tones of '{trunk.tones}'",
                did_you_mean(trunk.tones, [*known, ANY]) or f"known: {', '.join(sorted(set(known) - {ANY}))}, {ANY}",
            )


def _check_tone(name: str, text: str, root: Located, path: tuple[str, ...], findings: Findings) -> None:
    if name.partition("-")[0] not in NAMES:
        findings.follow_up(
            place_of(root, path, key=True), f"unknown tone '{name}'", did_you_mean(name, NAMES) or ", ".join(NAMES)
        )
        return
    try:
        tone = parse(text)
        if recognised(name):
            steps_of(tone)
    except NotationError as error:
        findings.follow_up(place_of(root, path), str(error))
