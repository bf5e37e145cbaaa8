"""Encodings, told strictly."""

from pathlib import Path

import pytest

from edge.storage.imports.text import SourceError, text_of

GERMAN = "id;name\n1;Müller\n2;Groß & Söhne\n3;Café Olé\n"
CHINESE = "编号,姓名,电话\n1,王小明,13912345678\n2,李雷,13812345678\n"


def written(folder: Path, body: bytes) -> Path:
    file = folder / "list.csv"
    file.write_bytes(body)
    return file


@pytest.mark.parametrize(
    ("text", "encoding", "expected"),
    [
        (GERMAN, "utf-8", ("utf-8", 0)),
        (GERMAN, "utf-8-sig", ("utf-8", 3)),
        (GERMAN, "cp1252", ("cp1252", 0)),
        (CHINESE, "gb18030", ("gb18030", 0)),
        (CHINESE, "utf-8", ("utf-8", 0)),
        ("\ufeff" + GERMAN, "utf-16-le", ("utf-16-le", 2)),
        ("\ufeff" + CHINESE, "utf-16-be", ("utf-16-be", 2)),
        (GERMAN, "utf-16-le", ("utf-16-le", 0)),
        (GERMAN, "utf-16-be", ("utf-16-be", 0)),
        ("id,number\n1,2\n", "ascii", ("utf-8", 0)),
    ],
)
def test_what_an_encoding_is_told_by(tmp_path: Path, text: str, encoding: str, expected: tuple[str, int]) -> None:
    found = text_of(written(tmp_path, text.encode(encoding)))
    assert (found.encoding, found.mark) == expected
    assert found.lines == text.count("\n")


@pytest.mark.parametrize(
    ("body", "encoding", "told"),
    [
        (b"id\n1\n2\xff3\n", "utf-8", r":3: this line is not utf-8"),
        (b"\xef\xbb\xbfid\n1\n\xff\n", "auto", r":3: begins as utf-8, but this line is not"),
        (b"\xff\xfei\0d\0\n\0\x00\xd8\n\0", "auto", r":2: begins as utf-16-le, but this line is not"),
        (b"id\n1\n\x00\x01\x02\n", "auto", r":1: is no text: it has zero bytes"),
        (b"id,a\n1,\x81\x20\n", "auto", r":2: this line is not UTF-8; it is neither gb18030 nor cp1252"),
        # As Western as Chinese: letters in pairs and alone.
        ("a éé üb éé üb\n".encode("cp1252"), "auto", r":1: this line is not UTF-8; it could be gb18030 or cp1252"),
        ("王".encode("gb18030") * 3 + b"\n\xff\n", "gb18030", r":2: this line is not gb18030"),
        (b"id\n", "klingon", r": there is no encoding 'klingon'"),
        (b"id\n", "base64", r": there is no encoding 'base64'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, body: bytes, encoding: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        text_of(written(tmp_path, body), encoding)


def test_a_fault_far_behind_is_found_before_anything_is_imported(tmp_path: Path) -> None:
    lines = [b"1,\xc3\xa4\n"] * 200_000
    lines[150_000] = b"1,\xe4\n"
    with pytest.raises(SourceError, match=":150001: this line is not utf-8"):
        text_of(written(tmp_path, b"".join(lines)), "utf-8")


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        text_of(tmp_path / "nothing.csv")
    with pytest.raises(SourceError, match="Is a directory"):
        text_of(tmp_path)
