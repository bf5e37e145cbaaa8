from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from edge.web.families import join


def text_of(process: str) -> str:
    registry = CollectorRegistry()
    Counter(f"edge_{process}_things_total", "Things", ["kind"], registry=registry).labels('a"\\\n').inc(3)
    Gauge(f"edge_{process}_size_bytes", "Size\nof it", registry=registry).set(1.5)
    Histogram(f"edge_{process}_wait_seconds", "Wait", registry=registry).observe(0.3)
    return generate_latest(registry).decode()


def up(content: bytes) -> dict[str, float]:
    return {
        sample.labels["process"]: sample.value
        for family in text_string_to_metric_families(content.decode())
        if family.name == "edge_process_up"
        for sample in family.samples
    }


def test_every_sample_of_every_process_is_there_once() -> None:
    texts = {name: text_of(name) for name in ("front", "switch", "media", "forwarder", "web")}
    content, invalid = join(texts)
    assert invalid == 0
    assert set(up(content).values()) == {1.0}
    lines = content.decode().splitlines()
    heads = [line for line in lines if line.startswith("# TYPE")]
    assert len(heads) == len(set(heads))
    wanted = {line for text in texts.values() for line in text.splitlines() if not line.startswith("#")}
    assert wanted <= set(lines)


def test_silence_and_rubbish_count_as_down_and_harm_no_other() -> None:
    content, invalid = join({"front": None, "switch": "this is { no exposition", "media": text_of("media")})
    assert invalid == 1
    assert up(content) == {"front": 0, "switch": 0, "media": 1, "forwarder": 0, "web": 0}
    assert "edge_media_size_bytes 1.5" in content.decode()


def test_a_family_appears_once_even_when_two_claim_it() -> None:
    content, invalid = join({"front": text_of("front"), "media": text_of("front")})
    assert invalid == 1
    assert up(content)["front"] == 1
    assert up(content)["media"] == 0
    assert content.decode().count("# TYPE edge_front_size_bytes") == 1


def test_nobody_can_claim_that_others_are_up() -> None:
    content, invalid = join({"media": '# TYPE edge_process_up gauge\nedge_process_up{process="front"} 1\n'})
    assert invalid == 1
    assert up(content)["front"] == 0


def test_the_supervisor_is_shown_when_it_speaks_of_itself() -> None:
    assert "supervisor" not in up(join({})[0])
    assert up(join({"supervisor": text_of("supervisor")})[0])["supervisor"] == 1


@given(st.dictionaries(st.sampled_from(["front", "switch", "media"]), st.none() | st.text(max_size=200)))
def test_whatever_a_process_says_the_exposition_can_be_read(texts: dict[str, str | None]) -> None:
    content, _invalid = join(texts)
    names = [family.name for family in text_string_to_metric_families(content.decode())]
    assert len(names) == len(set(names))


def test_several_media_engines_are_added_up() -> None:
    other = text_of("media").replace("edge_media_size_bytes 1.5", 'edge_media_size_bytes{engine="1"} 2.0')
    content, invalid = join({"media0": text_of("media"), "media1": other, "media2": None})
    assert invalid == 0
    seen = up(content)
    assert (seen["media0"], seen["media1"], seen["media2"], "media" in seen) == (1, 1, 0, False)
    lines = content.decode().splitlines()
    assert "edge_media_wait_seconds_count 2.0" in lines
    assert {"edge_media_size_bytes 1.5", 'edge_media_size_bytes{engine="1"} 2.0'} <= set(lines)
    assert len([line for line in lines if line.startswith("# TYPE edge_media_things_total")]) == 1


def test_an_engine_cannot_claim_a_family_of_others() -> None:
    content, invalid = join({"front": text_of("front"), "media0": text_of("front"), "media1": text_of("media")})
    assert invalid == 1
    assert up(content)["media0"] == 0
