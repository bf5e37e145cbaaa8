"""What agents of campaigns are told of whom they are about to talk with: compiled as the texts of menus are."""

import hashlib

from edge.config import kinds
from edge.config.campaign_menu import WHISPER
from edge.config.campaigns import Campaign, ContactValue
from edge.config.compiled import CompiledSite
from edge.config.errors import Findings, Place
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import Frame, SoundSource
from edge.config.menu_sounds import SoundFinder
from edge.config.prompts import PromptUse, Synthesis
from edge.core.menus import model
from edge.core.menus.facts import GIVEN, KNOWN_ATTRIBUTES


class WhisperCompiler:
    """Of all campaigns of a site; texts to be spoken and uses of sounds are added to those of the menus."""

    def __init__(
        self, site: CompiledSite, findings: Findings, speeches: dict[str, Synthesis], uses: list[PromptUse]
    ) -> None:
        self._site = site
        self._findings = findings
        self.speeches = speeches
        self.uses = uses
        self.words: dict[str, dict[str, str]] = {}
        self.digests: dict[str, str] = {}
        self._digest = hashlib.sha256()

    def made_of(self, data: bytes) -> None:
        """Let the version depend on something."""
        self._digest.update(data)

    def compile(self, root: Located) -> dict[str, model.Menu]:
        """Compile all; by the name of the campaign."""
        whispers = {}
        for index, campaign in enumerate(self._site.campaigns):
            attributes = self._attributes(campaign, index, root)
            if campaign.whisper:
                self.words, self._digest = {}, hashlib.sha256()
                whispers[campaign.name] = self._menu(campaign, index, attributes, root)
        return whispers

    def _menu(
        self, campaign: Campaign, index: int, attributes: dict[str, model.Attribute], root: Located
    ) -> model.Menu:
        place = place_of(root, ("campaigns", index, "whisper"))
        if not campaign.queue:
            self._findings.follow_up(place, f"campaign '{campaign.name}' has no agents to tell something", "set queue")
        finder = SoundFinder(campaign.name, self._site, self._findings, self)
        finder.frame = Frame(languages=[campaign.language], attributes=attributes)
        sounds = finder.sounds([SoundSource(say={"": campaign.whisper}, place=place)])
        return model.Menu(
            name=campaign.name,
            version=self._digest.hexdigest()[:16],
            start=WHISPER,
            nodes={WHISPER: model.Play(sounds=sounds, next=WHISPER)},
            language=campaign.language,
            attributes=attributes,
            words=self.words,
        )

    def _attributes(self, campaign: Campaign, index: int, root: Located) -> dict[str, model.Attribute]:
        at = ("campaigns", index, "contact_values")
        for name, value in campaign.contact_values.items():
            self._check(name, value, place_of(root, (*at, name), key=True))
        return {
            name: model.Attribute(type=value.type, values=value.values, told=False)
            for name, value in campaign.contact_values.items()
        }

    def _check(self, name: str, value: ContactValue, place: Place) -> None:
        fault = kinds.attribute_fault(name)
        if fault:
            self._findings.follow_up(place, fault)
        elif name in GIVEN or name in KNOWN_ATTRIBUTES:
            self._findings.follow_up(place, f"'{name}' is a value that every call has", "take another name")
        if value.type != "word" and value.values:
            self._findings.follow_up(place, f"a {value.type} has no list of values", 'type = "word"')
        wrong = next((one for one in value.values if not model.Attribute().takes(one)), None)
        if wrong is not None:
            self._findings.follow_up(place, f"'{wrong[:60]}' is no word", "letters, digits and _ . + * # -")
