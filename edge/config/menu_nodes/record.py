"""How authors have callers recorded: answers to open questions, and messages for mailboxes."""

from typing import Annotated

from msgspec import Struct, field

from edge.config import mailboxes
from edge.config.annotations import lasting, of_kind, ranging
from edge.config.errors import Place, did_you_mean
from edge.config.located import Located, place_of
from edge.config.menu_nodes.parts import (
    Desk,
    Kind,
    Ladder,
    NodeRef,
    OptionalAttribute,
    OptionalNodeRef,
    Sounds,
    SoundSource,
    a_sound,
    reached_by,
    short_form,
)
from edge.config.menu_nodes.record_texts import FULL, GREETING, REVIEW, REVIEW_URGENT, SAVED, TROUBLE, Texts
from edge.config.menu_tables import Mailbox
from edge.config.tones import tone_fault
from edge.core.menus import model
from edge.core.menus.facts import KNOWN_ATTRIBUTES

#: No beep.
NO_BEEP = "none"
#: What a review waits for a key.
REVIEW_MS = 5000


class ReviewSettings(Struct, kw_only=True):
    """Short form: `true` or `false`. The keys are customary ones."""

    #: Callers can listen to what they said, say it again, or keep it. Who does nothing, or hangs up, keeps it.
    enabled: bool = True
    #: Says which key does what; nothing: an ordinary sentence.
    prompt: Sounds = field(default_factory=list)
    #: Plays it.
    listen_key: Annotated[str, of_kind("digits")] = "1"
    #: Keeps it.
    save_key: Annotated[str, of_kind("digits")] = "2"
    #: Deletes it, and records again.
    rerecord_key: Annotated[str, of_kind("digits")] = "3"
    #: Keeps it, marked as urgent; empty: none does.
    urgent_key: Annotated[str, of_kind("digits", optional=True)] = ""
    #: Said when it is kept; nothing: an ordinary sentence.
    saved: Sounds = field(default_factory=list)
    #: Times that the prompt is heard.
    max_failures: Annotated[int, ranging(1, 10)] = 2


class SpeakSettings(Struct, kw_only=True):
    """How callers are asked to speak."""

    #: A key of `finish_on_key` skips the prompt.
    barge_in: bool = True
    #: Tells callers to speak: a tone in the notation of `indications.conf`, such as `1400/500`; `none`: there is none.
    beep: str = "1000/400"
    #: Keys that end what is recorded; it ends by silence and at its longest, too.
    finish_on_key: Annotated[str, of_kind("digits", optional=True)] = "#"
    #: Played after a round in which nothing, or too little, was said. A list of lists: after the first one...
    no_input: Ladder = field(default_factory=list)
    #: Such rounds before `failed`.
    max_failures: Annotated[int, ranging(1, 100)] = 3
    #: Said when nothing can be recorded (a full disk); nothing: an ordinary sentence.
    trouble: Sounds = field(default_factory=list)


class RecordSettings(SpeakSettings, kw_only=True):
    """Short form: the prompt (`greet_long`) alone."""

    #: The prompt, played before the beep.
    greet_long: Sounds = field(default_factory=list)
    #: Longest recording.
    max_length: Annotated[int, lasting(2000, 3_600_000)] = 60_000
    #: What is shorter counts as nothing.
    min_length: Annotated[int, lasting(0, 60_000)] = 1000
    #: Silence that ends it, and is cut off.
    silence: Annotated[int, lasting(1000, 60_000)] = 4000
    #: The attribute that the id of the message is kept in; `message.recorded` says which file it is.
    into: OptionalAttribute = ""
    #: Callers can listen to it, say it again, or keep it.
    review: Annotated[ReviewSettings | None, short_form("enabled")] = None


class RecordNode(Struct, kw_only=True):
    """Record what the caller says, in a file of its own beside the call's recording.

    It ends by a key, by silence, at its longest, or with the call, which keeps it.
    """

    record: Annotated[RecordSettings, short_form("greet_long", a_sound)]
    #: Node when it is recorded, and kept.
    next: Annotated[NodeRef, reached_by("act")]
    #: Node after `max_failures`.
    failed: Annotated[NodeRef, reached_by("silence")]
    #: Node when nothing can be recorded; empty: as `failed`.
    unavailable: Annotated[OptionalNodeRef, reached_by("silence")] = ""


class VoicemailSettings(SpeakSettings, kw_only=True):
    """Short form: the mailbox alone."""

    #: One of the site's `[[mailboxes]]`.
    mailbox: Annotated[str, of_kind("name")]
    #: Instead of the mailbox's.
    greeting: Sounds = field(default_factory=list)
    #: Instead of the mailbox's, when the transfer before found everybody busy.
    greeting_busy: Sounds = field(default_factory=list)
    #: Instead of the mailbox's, when nobody answered the transfer before.
    greeting_no_answer: Sounds = field(default_factory=list)
    #: Said in place of a greeting when the mailbox is full (its `max_messages`, `max_minutes`); nothing: an ordinary
    #: sentence.
    full: Sounds = field(default_factory=list)


class VoicemailNode(Struct, kw_only=True):
    """Take a message for a mailbox: its greeting, a beep, and what the caller says."""

    voicemail: Annotated[VoicemailSettings, short_form("mailbox")]
    #: Node when a message was left.
    next: Annotated[NodeRef, reached_by("act")]
    #: Node after `max_failures`.
    failed: Annotated[NodeRef, reached_by("silence")]
    #: Node when nothing can be recorded; empty: as `failed`.
    unavailable: Annotated[OptionalNodeRef, reached_by("silence")] = ""
    #: Node when the mailbox is full; empty: as `unavailable`.
    on_full: Annotated[OptionalNodeRef, reached_by("silence")] = ""


# --- checks -----------------------------------------------------------------------------------------------------------


def _check_record(node: RecordNode, located: Located, desk: Desk) -> None:
    own, findings = node.record, desk.findings
    _check_beep(own, place_of(located, ("record", "beep")), desk)
    if own.min_length >= own.max_length:
        place = place_of(located, ("record", "min_length"))
        findings.error(place, f"min_length {own.min_length} ms is not less than max_length {own.max_length} ms")
    attribute = desk.frame.attribute(own.into) if own.into else None
    place = place_of(located, ("record", "into"))
    if own.into and attribute is None:
        advice = did_you_mean(own.into, {*desk.frame.attributes, *KNOWN_ATTRIBUTES}) or "declare it in 'attributes'"
        findings.error(place, f"there is no attribute '{own.into}'", advice)
    elif attribute is not None and (attribute.type not in {"word", "text"} or attribute.values):
        findings.error(place, f"the id of a message does not fit '{own.into}'", "make it a word, without 'values'")
    if own.review is not None:
        keys = [own.review.listen_key, own.review.save_key, own.review.rerecord_key, own.review.urgent_key]
        used = [key for key in keys if key]
        if len(set(used)) != len(used) or any(len(key) != 1 for key in used):
            findings.error(place_of(located, ("record", "review")), "each of the review's keys is one, and another one")


def _check_voicemail(node: VoicemailNode, located: Located, desk: Desk) -> None:
    own = node.voicemail
    _check_beep(own, place_of(located, ("voicemail", "beep")), desk)
    known = [one.name for one in desk.site.mailboxes]
    if own.mailbox and own.mailbox not in known:
        advice = did_you_mean(own.mailbox, known) or "put it in the site file: [[mailboxes]]"
        desk.findings.error(place_of(located, ("voicemail", "mailbox")), f"there is no mailbox '{own.mailbox}'", advice)
    box = next((one for one in desk.site.mailboxes if one.name == own.mailbox), None)
    if box is not None and mailboxes.room_of(box) is None and (node.on_full or own.full):
        place = place_of(located, ("on_full",) if node.on_full else ("voicemail", "full"))
        text = f"mailbox '{own.mailbox}' has no limits, so it is never full"
        desk.findings.warning(place, text, "set max_messages or max_minutes of [[mailboxes]]")


def _check_beep(own: SpeakSettings, place: Place, desk: Desk) -> None:
    fault = tone_fault(own.beep) if own.beep != NO_BEEP else ""
    if fault:
        desk.findings.error(place, fault, f"such as '1400/500', or '{NO_BEEP}'")


# --- compiling --------------------------------------------------------------------------------------------------------


def _record(node: RecordNode, located: Located, desk: Desk) -> model.Node:
    own, place = node.record, place_of(located, ("record",))
    review = own.review if own.review is not None and own.review.enabled else None
    return model.Record(
        prompt=desk.sounds(own.greet_long),
        barge_in=own.barge_in,
        beep=beep_of(own),
        max_length_ms=own.max_length,
        min_length_ms=own.min_length,
        silence_ms=own.silence,
        finish_on_key=own.finish_on_key,
        into=own.into,
        max_failures=own.max_failures,
        no_input=desk.ladder(own.no_input),
        review=_review(review, place, desk) if review is not None else None,
        trouble=_or_usual(own.trouble, TROUBLE, place, desk),
        next=desk.node(node.next),
        failed=desk.node(node.failed),
        unavailable=desk.node(node.unavailable or node.failed),
    )


def _voicemail(node: VoicemailNode, located: Located, desk: Desk) -> model.Node:
    own, place = node.voicemail, place_of(located, ("voicemail",))
    box = next((one for one in desk.site.mailboxes if one.name == own.mailbox), Mailbox(name=own.mailbox))
    greetings = {"busy": (own.greeting_busy, box.greeting_busy)}
    greetings["no_answer"] = (own.greeting_no_answer, box.greeting_no_answer)
    special = {word: desk.sounds(sounds or _written(text, place)) for word, (sounds, text) in greetings.items()}
    review = ReviewSettings(urgent_key="*") if box.review else None
    folder = mailboxes.folder_of(box, desk.site.paths.recordings)
    room = mailboxes.room_of(box)
    desk.made_of(repr((folder, box.notify, box.max_length_ms, box.min_length_ms, box.silence_ms, box.review, room)))
    unavailable = desk.node(node.unavailable or node.failed)
    return model.Voicemail(
        mailbox=box.name,
        folder=folder,
        notify=box.notify,
        prompt=_or_usual(own.greeting or _written(box.greeting, place), GREETING, place, desk),
        greetings={word: sounds for word, sounds in special.items() if sounds},
        room=room,
        full=_or_usual(own.full, FULL, place, desk) if room is not None else [],
        on_full="" if room is None else desk.node(node.on_full) if node.on_full else unavailable,
        barge_in=own.barge_in,
        beep=beep_of(own),
        max_length_ms=box.max_length_ms,
        min_length_ms=box.min_length_ms,
        silence_ms=box.silence_ms,
        finish_on_key=own.finish_on_key,
        max_failures=own.max_failures,
        no_input=desk.ladder(own.no_input),
        review=_review(review, place, desk) if review is not None else None,
        trouble=_or_usual(own.trouble, TROUBLE, place, desk),
        next=desk.node(node.next),
        failed=desk.node(node.failed),
        unavailable=unavailable,
    )


def beep_of(own: SpeakSettings) -> list[model.Sound]:
    """Give the tone that tells a caller to speak."""
    return [] if own.beep == NO_BEEP else [model.Sound(model.TONE + own.beep, "beep")]


def _review(own: ReviewSettings, place: Place, desk: Desk) -> model.Review:
    usual = {
        language: text.format(own.listen_key, own.save_key, own.rerecord_key, own.urgent_key)
        for language, text in (REVIEW_URGENT if own.urgent_key else REVIEW).items()
    }
    ask = model.Gather(
        prompt=_or_usual(own.prompt, usual, place, desk),
        first_digit_timeout_ms=REVIEW_MS,
        max_failures=own.max_failures,
        failed="",
    )
    return model.Review(
        ask=ask,
        listen_key=own.listen_key,
        save_key=own.save_key,
        rerecord_key=own.rerecord_key,
        urgent_key=own.urgent_key,
        saved=_or_usual(own.saved, SAVED, place, desk),
    )


def _written(text: str, place: Place) -> list[SoundSource]:
    """Read a sound as the site file has it."""
    if text.startswith(mailboxes.SAY):
        return [SoundSource(say={"": text.removeprefix(mailboxes.SAY).strip()}, place=place)]
    return [SoundSource(file=text, place=place)] if text else []


def _or_usual(sounds: list[SoundSource], usual: Texts, place: Place, desk: Desk) -> list[model.Sound]:
    """Find what the author wants to be said, or have the usual sentence spoken in the languages of the menu."""
    if sounds:
        return desk.sounds(sounds)
    said = {one: usual[base] for one in desk.frame.languages if (base := one.partition("-")[0]) in usual}
    return desk.sounds([SoundSource(say=said or {"": usual["en"]}, place=place)])


RECORD = Kind(RecordNode, _record, _check_record)
VOICEMAIL = Kind(VoicemailNode, _voicemail, _check_voicemail)
