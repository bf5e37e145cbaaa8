"""Names made of events, and events taken apart."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.delivery.cloudevents import header_value, take_apart
from edge.core.delivery.template import Template, cleaner, template_fault


@pytest.mark.parametrize("text", ["edge.{site}.{type}.{call}", "x", "{id}", "{group}/{call}"])
def test_good_templates(text: str) -> None:
    assert template_fault(text) == ""


@pytest.mark.parametrize("text", ["", " ", "a b", "{Call}", "{}", "{call", "call}", "{{call}}", "a\x00", "{number}"])
def test_faults_of_templates_are_named(text: str) -> None:
    assert template_fault(text)


def test_only_the_dots_of_a_type_are_levels() -> None:
    made = Template("edge.{site}.{type}.{call}", "my.box", cleaner(".*>"))
    assert made.fill("call.ended", "a.b>c", "x") == "edge.my_box.call.ended.a_b_c"
    assert made.fill("trunk.up", None, "x") == "edge.my_box.trunk.up.none"
    assert made.beginning == "edge.my_box."


@given(st.text(), st.text(), st.text())
def test_whatever_an_event_says_the_name_has_no_wildcards(kind: str, call: str, id_: str) -> None:
    name = Template("{type}/{call}/{id}", "box", cleaner("+#/")).fill(kind, call, id_)
    assert name.count("/") == 2
    assert not set("+#\0 \n") & set(name)


def test_an_event_is_taken_apart_and_its_data_stay_byte_for_byte() -> None:
    body = b'{"specversion":"1.0","id":"a.1","callseq":7,"flag":true,"none":null,"datacontenttype":"application/json",'
    body += b'"data":{"b": 1.50}}'
    parts = take_apart(body)
    assert parts.attributes == {"specversion": "1.0", "id": "a.1", "callseq": "7", "flag": "true"}
    assert (parts.content_type, parts.data) == ("application/json", b'{"b": 1.50}')
    assert take_apart(b'{"id":"x"}').data == b""
    for bad in (b"", b"[]", b"\xff", b'{"data":'):
        assert take_apart(bad) == ({}, "application/cloudevents+json", bad)


def test_values_of_headers_are_ascii() -> None:
    assert header_value('Gr\u00fc\u00df "x"\r\n%') == "Gr%C3%BC%C3%9F%20%22x%22%0D%0A%25"
    assert json.loads(json.dumps(header_value("\u20ac"))) == "%E2%82%AC"
