"""Records of CSV and JSON lines, and what one bad line costs."""

from pathlib import Path

import pytest

from edge.storage.imports.records import Record, Records
from edge.storage.imports.text import SourceError, text_of


def records(folder: Path, text: str, name: str = "list.csv", after: int = 0, **options: object) -> list[Record]:
    file = folder / name
    file.write_bytes(text.encode())
    form = "jsonl" if name.endswith("jsonl") else "csv"
    opened = Records(text_of(file), form, **options)  # type: ignore[arg-type]
    try:
        return list(opened.records(after))
    finally:
        opened.close()


def cells(found: list[Record]) -> list[tuple[int, dict[str, str]]]:
    return [(one.line, one.cells) for one in found]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_that_of_the_header(tmp_path: Path, delimiter: str) -> None:
    text = f'id{delimiter}"a,;b"{delimiter}c\r\n1{delimiter}"x""y"{delimiter}z\r\n'
    assert cells(records(tmp_path, text)) == [(2, {"id": "1", "a,;b": 'x"y', "c": "z"})]


def test_a_spreadsheet_says_its_delimiter(tmp_path: Path) -> None:
    assert cells(records(tmp_path, "sep=|\nid|n;m;o\n1|2\n")) == [(3, {"id": "1", "n;m;o": "2"})]


def test_records_may_have_line_ends_in_them_and_are_named_by_their_first_line(tmp_path: Path) -> None:
    found = records(tmp_path, 'id,note\n1,"two\nlines"\n\n,\n2,x\n')
    assert cells(found) == [(2, {"id": "1", "note": "two\nlines"}), (6, {"id": "2", "note": "x"})]
    assert [one.last for one in found] == [3, 6]


def test_an_open_quote_costs_its_line_only(tmp_path: Path) -> None:
    found = records(tmp_path, 'id,note\n1,"open\n2,x\n3,"closed"\n4,"y" z\n5,z\n')
    assert [(one.line, one.cells.get("id"), one.fault) for one in found] == [
        (2, None, "is no CSV: ',' expected after '\"'"),
        (3, "2", ""),
        (4, "3", ""),
        (5, None, "is no CSV: ',' expected after '\"'"),
        (6, "5", ""),
    ]
    found = records(tmp_path, 'id,note\n1,"open\n2,x\n3,y\n')
    assert [(one.line, one.fault) for one in found] == [(2, "has a quote that is not closed"), (3, ""), (4, "")]
    many = "".join(f"{index},x\n" for index in range(1000))
    found = records(tmp_path, f'id,note\n1,"open\n{many}')
    assert [(one.line, one.fault) for one in found if one.fault] == [(2, "has a quote that is not closed")]
    assert len(found) == 1001


def test_a_line_without_end_costs_its_line_only(tmp_path: Path) -> None:
    found = records(tmp_path, f"id,note\n1,{'x' * 500_000}\n2,y\n")
    assert [(one.line, bool(one.fault)) for one in found] == [(2, True), (3, False)]
    assert len(found[0].raw) <= 1000


def test_cells_too_few_and_too_many(tmp_path: Path) -> None:
    found = records(tmp_path, "id,note\n1\n2,a,b\n3,a,,\n")
    assert [one.fault for one in found] == [
        "has 1 cells, where 2 columns are named",
        "has 3 cells, where 2 columns are named",
        "",
    ]


def test_it_goes_on_behind_a_line(tmp_path: Path) -> None:
    text = 'id,note\n1,"two\nlines"\n2,x\n3,y\n'
    assert [one.line for one in records(tmp_path, text, after=3)] == [4, 5]
    assert [one.line for one in records(tmp_path, text, after=5)] == []
    assert [one.line for one in records(tmp_path, '{"a":1}\n{"a":2}\n', "x.jsonl", after=1)] == [2]


def test_without_a_header_columns_are_numbered(tmp_path: Path) -> None:
    assert cells(records(tmp_path, "+4930123456\n+4930123457\n", header=False)) == [
        (1, {"1": "+4930123456"}),
        (2, {"1": "+4930123457"}),
    ]
    with pytest.raises(SourceError, match=":1: this line has numbers instead of names"):
        records(tmp_path, "030 / 123456;x\n030 / 123457;y\n")


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("", {}, "is empty"),
        ("\n1,2\n", {}, ":1: has no names of columns"),
        ('"open\n1,2\n', {}, "has a quote that is not closed"),
        ("id\n", {"delimiter": "both"}, "a delimiter is one character"),
        (",".join(map(str, range(300))), {}, "more than 200 columns"),
    ],
)
def test_files_that_are_no_list(tmp_path: Path, text: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(SourceError, match=told):
        records(tmp_path, text, **options)


def test_json_lines(tmp_path: Path) -> None:
    text = (
        '{"id": 7, "number": "030", "vip": true, "note": null}\n\n'
        '{"id": "8", "numbers": ["030", {"number": "0171", "label": "mobile"}]}\n'
        '{"id": \n["030"]\n{"id": {"a": 1}}\n'
        '{"numbers": ["1", {"number": "2", "label": "x"}, {"number": "3", "label": "x"}]}\n{}\n'
    )
    found = records(tmp_path, text, "list.jsonl")
    assert cells(found)[:2] == [
        (1, {"id": "7", "number": "030", "vip": "true", "note": ""}),
        (3, {"id": "8", "number": "030", "number_mobile": "0171"}),
    ]
    assert [(one.line, one.fault.partition(":")[0]) for one in found[2:]] == [
        (4, "is no JSON"),
        (5, "is no JSON object with something in it"),
        (6, "id"),
        (7, "numbers"),
        (8, "is no JSON object with something in it"),
    ]
