"""Every file that a menu may play is read before a caller waits for it."""

from edge.config.compiled import CompiledSite, packed
from edge.core.menus.model import Gather, HangUp, Menu, Play, Reading, Sound
from edge.media.worker import sounds_of


def test_sounds_of_all_languages_and_the_words_of_values() -> None:
    count = Sound("", "", reading=Reading("${digits}", "digits"))
    text = Sound("", "", pieces={"en": [Sound("/you", ""), count], "de": [count, Sound("/mal", "")]})
    menu = Menu(
        name="m",
        version="1",
        start="a",
        nodes={
            "a": Play(sounds=[Sound("/hi", "", {"de": "/hallo"}), text], next="b"),
            "b": Gather(prompt=[], no_match=[[Sound("/no", "")]], choices={"1": "c"}, failed="c"),
            "c": HangUp(),
        },
        words={"en": {"one": "/one"}, "de": {"eins": "/eins"}},
    )
    found = sounds_of(packed(CompiledSite(name="x", menus={"m": menu})))
    assert sorted(found) == ["/eins", "/hallo", "/hi", "/mal", "/no", "/one", "/you"]
