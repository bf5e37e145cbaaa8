"""Keys in front: made, kept in the key table and nowhere else, put into what goes out, overwritten at the end."""

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge.core.sip.actions import DropKeys, KeepKeys, OfferKeys
from edge.core.sip.crypto import PLACEHOLDER, Secured, offer_lines, own_line
from edge.front.keys import Keys, UnknownKeysError
from edge.runtime.key_table import RECORD_BYTES, KeyTable, local_key
from edge.vocabulary.crypto import SUITES
from edge.vocabulary.private import Private
from edge.vocabulary.reports import LegIncoming
from tests.core.sip.test_securing import CM, key, secure
from tests.core.sip.world import SPAN_SDP, answer
from tests.front.rig import Rig
from tests.front.test_process import invite, within
from tests.support.waiting import until


@pytest.fixture
def table() -> Iterator[KeyTable]:
    fd = os.memfd_create("keys")
    os.ftruncate(fd, 256 * RECORD_BYTES)
    yield KeyTable(fd)
    os.close(fd)


def test_an_offer_goes_out_with_a_key_for_each_suite(table: KeyTable) -> None:
    keys = Keys(table)
    assert keys.perform(OfferKeys(5))
    message = "".join(f"a={line}\r\n" for line in offer_lines(5)).encode()
    sent = keys.filled(message)
    assert len(sent) == len(message), "the length in the header was counted before"
    assert PLACEHOLDER.search(sent) is None
    found = re.findall(rb"a=crypto:\d+ (\S+) inline:(\S+)\r\n", sent)
    assert [(suite.decode(), len(base64.b64decode(value))) for suite, value in found] == list(SUITES.items())
    assert keys.filled(message) == sent, "a retransmission is the same"
    # The answer: what we send with is what we offered.
    assert keys.perform(KeepKeys(handle=6, suite=CM, remote=Private(key()), seed_of=5))
    record = table.read(6)
    assert record is not None
    assert record.remote == base64.b64decode(key())
    assert dict(found)[CM.encode()] == base64.b64encode(local_key(record.seed, CM))
    keys.perform(DropKeys(5))
    with pytest.raises(UnknownKeysError):
        keys.filled(message)


def test_keys_are_random(table: KeyTable) -> None:
    keys = Keys(table)
    for handle in range(1, 20):
        assert keys.perform(KeepKeys(handle=handle, suite=CM, remote=Private(key())))
    lines = [own_line(Secured(handle=h, tag=1, suite=CM, print="", profile="")) for h in range(1, 20)]
    sent = {keys.filled(f"a={line[0]}".encode()) for line in lines}
    assert len(sent) == 19
    assert keys.filled(b"INVITE sip:a SIP/2.0\r\n\r\n") == b"INVITE sip:a SIP/2.0\r\n\r\n"


def test_faults_are_told(table: KeyTable) -> None:
    keys = Keys(table)
    assert not keys.perform(KeepKeys(handle=1, suite=CM, remote=Private("?")))
    for i in range(40):
        kept = keys.perform(OfferKeys(1 + 256 * i))
    assert not kept


# --- the process ----------------------------------------------------------------------------------------------------


@pytest.fixture
def rig(address: str, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(address, tmp_path)
    made.site = replace(made.site, trunks=[replace(made.site.trunks[0], srtp="required", srtp_without_tls=True)])
    try:
        yield made
    finally:
        made.close()


def contents(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def test_a_call_from_its_first_key_to_its_last_over_kills(rig: Rig) -> None:
    span = rig.span("span-1")
    request = invite(rig)
    request.body = secure((7, CM, 40)).replace(b"198.51.100.7", rig.address.encode())
    theirs = base64.b64decode(key(CM, 40))
    with rig.front():
        rig.peer.send(request)
        span.send(answer(span.request("INVITE"), 200, body=SPAN_SDP, media=f"{rig.address}:16384"))
        ok = rig.peer.response(200).body
        match = re.search(rb"RTP/SAVP.*a=crypto:7 (\S+) inline:(\S{40})\r\n", ok, re.DOTALL)
        assert match is not None
        ours = base64.b64decode(match[2])
        handle = rig.until(lambda: rig.switch.of(LegIncoming))[0].remote.crypto
        record = KeyTable(rig.key_table).read(handle)
        assert record is not None
        assert (record.suite, record.remote, local_key(record.seed, CM)) == (CM, theirs, ours)
    with rig.front():
        rig.peer.send(request)
        assert rig.peer.response(200).body == ok, "killed: the same answer, with the same key"
        for secret in (theirs, ours, record.seed, base64.b64encode(theirs), match[2]):
            assert secret not in contents(rig.table)
            assert secret not in b"".join(path.read_bytes() for path in rig.folder.rglob("*") if path.is_file())
        rig.peer.send(within(request, "ACK", 1))
        span.request("ACK")
        rig.peer.send(within(request, "BYE", 2))
        span.send(answer(span.request("BYE"), 200))
        assert rig.peer.response(200).method == "BYE"
        until(lambda: not any(contents(rig.key_table)), 10, "the table is empty again")


def test_what_a_killed_front_kept_and_nobody_names_is_overwritten(rig: Rig) -> None:
    Keys(KeyTable(rig.key_table)).perform(KeepKeys(handle=99, suite=CM, remote=Private(key())))
    assert any(contents(rig.key_table))
    with rig.front():
        assert not any(contents(rig.key_table))
