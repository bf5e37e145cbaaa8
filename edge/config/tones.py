"""Countries and their tones in a configuration: what is wrong with them, with its place."""

from dsp.tones.cadence import MAX_COUNTRIES, NAMES, recognised, steps_of, with_countries
from dsp.tones.notation import NotationError, parse
from edge.config.errors import Findings, did_you_mean
from edge.config.kinds import name_fault
from edge.config.located import Located, place_of
from edge.config.site import Site

#: Every country's tones, where it is not known.
ANY = "any"


def countries_of(site: Site) -> set[str]:
    """Give what a trunk may say of its country: those of the tables and the site's own, and `any`."""
    return {*with_countries(site.tones), ANY}


def check_tones(site: Site, root: Located, findings: Findings) -> None:
    """Check `[tones]`, and that trunks name countries that there are."""
    for country, tones in site.tones.items():
        if country == ANY or name_fault(country):
            findings.follow_up(place_of(root, ("tones", country), key=True), f"'{country}' cannot name a country")
        for name, text in tones.items():
            _check_tone(name, text, root, ("tones", country, name), findings)
    known = with_countries(site.tones)
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
