"""SRTP through the kernels, against an implementation written down from the standards."""

import random

import pytest

from dsp.libsrtp import SUITES
from dsp.plane import layout as lo
from dsp.plane import srtp
from dsp.plane.keyring import Keys
from tests.dsp.naive.srtp import Naive, aes, counter_mode, derive, gcm
from tests.dsp.plane.srtp_desk import OUR_SSRC, PEER_SSRC, Desk, keys, ours, peer, report, rtp

GCM = "AEAD_AES_128_GCM"


def h(text: str) -> bytes:
    return bytes.fromhex(text)


def test_the_twin_gives_the_values_of_the_standards() -> None:
    plain = h("00112233445566778899aabbccddeeff")
    assert aes(bytes(range(16)), plain) == h("69c4e0d86a7b0430d8cdb78070b4c55a")  # FIPS 197 C.1
    assert aes(bytes(range(32)), plain) == h("8ea2b7ca516745bfeafc49904b496089")  # C.3
    # RFC 3711 B.2 and B.3
    stream = counter_mode(h("2b7e151628aed2a6abf7158809cf4f3c"), int("f0f1f2f3f4f5f6f7f8f9fafbfcfd0000", 16), 32)
    assert stream == h("e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab")
    master, salt = h("e1f97a0d3e018be0d64fa32c06de4139"), h("0ec675ad498afeebb6960b3aabe6")
    assert derive(master, salt, 0, 16) == h("c61e7a93744f39ee10734afe3ff7a087")
    assert derive(master, salt, 2, 14) == h("30cbbc08863d8c85d49db34a9ae1")
    assert derive(master, salt, 1, 20) == h("cebe321f6ff7716b6fd4ab49af256a156d38baa4")
    # RFC 7714 section 16.1.1
    sealed = gcm(
        bytes(range(16)), h("51753c6580c2726f20718414"), b"Gallia est omnis divisa in partes tres",
        h("8040f17b8041f8d35501a0b2"),
    )  # fmt: skip
    assert sealed == h(
        "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce"
    )


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_both_ways(suite: str) -> None:
    desk, made = Desk(), keys(suite)
    desk.secure(1, made)
    for sequence in (7, 8):
        packet = rtp(sequence)
        assert desk.open(peer(made).rtp(packet)) == packet
        packet = rtp(sequence, OUR_SSRC)
        assert desk.seal(packet) == ours(made).rtp(packet)
    assert desk.open_rtcp(peer(made).rtcp(report(), 1)) == report()
    for index in (1, 2):
        assert desk.seal_rtcp(report(OUR_SSRC)) == ours(made).rtcp(report(OUR_SSRC), index)
    assert (desk.leg.rx_bad_tag, desk.leg.rx_replayed, desk.leg.sr_unkeyed) == (0, 0, 0)


def test_a_leg_without_keys_is_not_touched() -> None:
    desk = Desk()
    for kernel in (desk.open, desk.open_rtcp, desk.seal, desk.seal_rtcp):
        assert kernel(rtp(1)) == rtp(1)


def test_a_leg_bound_to_keys_that_are_not_there_says_and_hears_nothing() -> None:
    desk, made = Desk(), keys()
    desk.secure(1, made)
    desk = desk.reborn()
    assert desk.open(rtp(1)) is None
    assert desk.open(peer(made).rtp(rtp(1))) is None
    assert desk.seal(rtp(1, OUR_SSRC)) is None
    assert desk.seal_rtcp(report(OUR_SSRC)) is None
    assert desk.leg.sr_unkeyed == 4


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_32", GCM])
def test_what_is_not_authentic_is_dropped_and_counted(suite: str) -> None:
    desk, made, other = Desk(), keys(suite), keys(suite)
    desk.secure(1, made)
    good = peer(made).rtp(rtp(100))
    dice = random.Random(3711)
    bad = [peer(other).rtp(rtp(100)), rtp(100), good[:-1], good + b"\0", good[:12], good[:20]]
    for bit in dice.sample(range(2 * 8, 8 * len(good)), 30):  # not in version, flags and payload type
        flipped = bytearray(good)
        flipped[bit // 8] ^= 1 << bit % 8
        bad.append(bytes(flipped))
    for packet in bad:
        assert desk.open(packet) is None
    assert desk.leg.rx_bad_tag == len(bad) == desk.state.ctl[lo.PACKETS_BAD_TAG]
    assert desk.leg.sr_streams == 0, "what is not authentic made a stream"
    assert desk.open(good) == rtp(100), "the good one was spoilt by the bad ones"
    assert desk.open(good) is None
    assert (desk.leg.rx_replayed, desk.state.ctl[lo.PACKETS_REPLAYED]) == (1, 1)
    assert desk.open_rtcp(peer(other).rtcp(report(), 1)) is None
    assert desk.open_rtcp(peer(made).rtcp(report(), 1)) == report()
    assert desk.open_rtcp(peer(made).rtcp(report(), 1)) is None
    assert (desk.leg.rx_bad_tag, desk.leg.rx_replayed) == (len(bad) + 1, 2)


@pytest.mark.parametrize("suite", SUITES)
def test_fuzz_nothing_is_taken_and_nothing_is_read_beyond_the_packet(suite: str) -> None:
    desk, made = Desk(), keys(suite)
    desk.secure(1, made)
    dice = random.Random(suite)
    good = peer(made).rtp(rtp(5))
    for _ in range(1500):
        packet = bytearray(
            good if dice.random() < 0.5 else dice.randbytes(dice.choice([0, 1, 11, 12, 16, 30, 300, 2048]))
        )
        if packet and dice.random() < 0.7:
            packet[0] = dice.choice([0x80, 0x90, 0x9F, 0x8F, 0xB0, dice.randrange(256)])
        if len(packet) > 16 and dice.random() < 0.3:
            packet[14:16] = dice.choice([b"\xff\xff", b"\0\0", dice.randbytes(2)])
        if dice.random() < 0.5:
            del packet[dice.randrange(len(packet) + 1) :]
        if bytes(packet) == good:
            continue
        assert desk.open(bytes(packet)) is None
        assert desk.open_rtcp(bytes(packet)) is None
    assert desk.open(good) == rtp(5)


def test_the_roll_over_counter_goes_on_both_ways() -> None:
    desk, made = Desk(), keys()
    desk.secure(1, made)
    for sequence in range(65533, 65540):
        roc = sequence >> 16
        assert desk.open(peer(made).rtp(rtp(sequence), roc)) == rtp(sequence)
        assert desk.seal(rtp(sequence, OUR_SSRC)) == ours(made).rtp(rtp(sequence, OUR_SSRC), roc)
    late = peer(made).rtp(rtp(65532), 0)
    assert desk.open(late) == rtp(65532), "one from before the wrap comes late"
    assert (desk.leg.sr_rx_index[0], desk.leg.sr_tx_index) == (65539, 65539)


@pytest.mark.parametrize("standby", [False, True])
@pytest.mark.parametrize("last", [65534, 65535, 65536])
@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", GCM])
def test_a_kill_near_the_wrap(suite: str, last: int, *, standby: bool) -> None:
    desk, made = Desk(), keys(suite)
    desk.state.ctl[lo.SLOTS_USED] = 1
    desk.secure(1, made)
    assert desk.open(peer(made).rtp(rtp(65529)))
    waiting = desk.reborn()
    assert waiting.give(1, made)
    for sequence in range(65530, last + 1):
        assert desk.open(peer(made).rtp(rtp(sequence), sequence >> 16))
        assert desk.seal(rtp(sequence, OUR_SSRC))
    for index in range(1, 40):
        assert desk.open_rtcp(peer(made).rtcp(report(), index)) if index > 37 else True
        assert desk.seal_rtcp(report(OUR_SSRC))
    seen, report_seen = peer(made).rtp(rtp(last), last >> 16), peer(made).rtcp(report(), 39)

    if standby:
        desk = waiting
        desk.ring.settle()
        assert not desk.ring.unheld()
    else:
        desk = desk.reborn()
        assert desk.give(1, made)
    assert desk.open(seen) is None
    assert desk.open_rtcp(report_seen) is None
    assert desk.leg.rx_replayed == 2, "the window of the engine before us is gone, its indices are not"
    assert desk.seal_rtcp(report(OUR_SSRC)) is None, "an index would be used a second time"
    for sequence in range(last + 1, last + 4):
        assert desk.open(peer(made).rtp(rtp(sequence), sequence >> 16)) == rtp(sequence)
    for sequence in range(last + 2, last + 5):  # one number is left out after a torn tick
        assert desk.seal(rtp(sequence, OUR_SSRC)) == ours(made).rtp(rtp(sequence, OUR_SSRC), sequence >> 16)
    desk.ticks(4)
    assert desk.seal_rtcp(report(OUR_SSRC)) == ours(made).rtcp(report(OUR_SSRC), 40)
    assert desk.open_rtcp(peer(made).rtcp(report(), 40)) == report()


def test_after_a_kill_nothing_of_an_earlier_round_of_the_counter_is_believed() -> None:
    desk, made = Desk(), keys()
    desk.secure(1, made)
    kept = peer(made).rtp(rtp(65531), 0)
    for sequence in (65530, 65531, 65536, 65537):
        assert desk.open(peer(made).rtp(rtp(sequence), sequence >> 16))
    desk = desk.reborn()
    assert desk.give(1, made)
    assert desk.open(kept) is None
    assert desk.open(peer(made).rtp(rtp(65538), 1)) == rtp(65538)


# --- re-keying ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", GCM])
def test_new_keys_take_over_without_a_loss(suite: str) -> None:
    desk, old, new = Desk(), keys(suite), keys(suite)
    desk.secure(1, old)
    assert desk.open(peer(old).rtp(rtp(10)))
    assert desk.seal(rtp(10, OUR_SSRC))
    desk.secure(2, new)
    desk.ticks(1)
    # In flight, and before the peer has our answer: the old keys, both ways.
    assert desk.open(peer(old).rtp(rtp(11))) == rtp(11)
    assert desk.open_rtcp(peer(old).rtcp(report(), 5)) == report()
    assert desk.seal(rtp(11, OUR_SSRC)) == ours(old).rtp(rtp(11, OUR_SSRC))
    # It has it.
    assert desk.open(peer(new).rtp(rtp(12))) == rtp(12)
    assert desk.seal(rtp(12, OUR_SSRC)) == ours(new).rtp(rtp(12, OUR_SSRC))
    assert desk.open(peer(old).rtp(rtp(9))) == rtp(9), "a late one of the old keys"
    assert desk.open_rtcp(peer(new).rtcp(report(), 1)) == report()
    assert (desk.leg.rx_bad_tag, desk.leg.rx_replayed) == (0, 0)
    desk.ticks(srtp.GRACE_TICKS)
    assert desk.open(peer(old).rtp(rtp(13))) is None
    assert desk.open(peer(new).rtp(rtp(13))) == rtp(13)


def test_a_peer_that_is_silent_gets_the_new_keys_after_a_second() -> None:
    desk, old, new = Desk(), keys(), keys()
    desk.secure(1, old)
    desk.secure(2, new)
    desk.ticks(srtp.SWITCH_TICKS - 1)
    assert desk.leg.sr_tx_handle == 1
    desk.ticks(1)
    assert desk.leg.sr_tx_handle == 2
    assert desk.seal(rtp(1, OUR_SSRC)) == ours(new).rtp(rtp(1, OUR_SSRC))


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", GCM])
@pytest.mark.parametrize("goes_on", [False, True])
def test_after_a_wrap_a_peer_may_go_on_with_its_counter_or_start_anew(suite: str, *, goes_on: bool) -> None:
    desk, old, new = Desk(), keys(suite), keys(suite)
    desk.secure(1, old)
    for sequence in range(65534, 65540):
        assert desk.open(peer(old).rtp(rtp(sequence), sequence >> 16))
    desk.secure(2, new)
    for sequence in range(65540, 65545):
        assert desk.open(peer(new).rtp(rtp(sequence), int(goes_on))) == rtp(sequence)
    desk = desk.reborn()
    assert desk.give(2, new)
    assert desk.open(peer(new).rtp(rtp(65545), int(goes_on))) == rtp(65545), "the engine after us knows which"
    assert desk.leg.rx_bad_tag == 0


def test_after_a_wrap_we_start_anew_with_an_ssrc_of_our_own() -> None:
    desk, old, new = Desk(), keys(), keys()
    desk.secure(1, old)
    for sequence in range(65534, 65540):
        assert desk.seal(rtp(sequence, OUR_SSRC))
    assert desk.seal_rtcp(report(OUR_SSRC))
    desk.secure(2, new, ssrc=0x7777, sequence=40)
    assert desk.open(peer(new).rtp(rtp(1)))
    assert (desk.leg.ssrc, desk.leg.tx_seq, desk.leg.tx_marker) == (0x7777, 40, 1)
    assert desk.seal(rtp(40, 0x7777)) == ours(new).rtp(rtp(40, 0x7777), 0)
    assert desk.seal_rtcp(report(0x7777)) == ours(new).rtcp(report(0x7777), 1)


def test_a_kill_right_after_new_keys() -> None:
    desk, old, new = Desk(), keys(), keys()
    desk.secure(1, old)
    assert desk.open(peer(old).rtp(rtp(10)))
    assert desk.seal(rtp(10, OUR_SSRC))
    assert desk.seal_rtcp(report(OUR_SSRC))
    desk.secure(2, new)
    desk = desk.reborn()
    assert desk.give(2, new)  # the record of the old keys is gone
    desk.ticks(1)
    assert desk.seal(rtp(12, OUR_SSRC)) == ours(new).rtp(rtp(12, OUR_SSRC))
    assert desk.seal_rtcp(report(OUR_SSRC)) == ours(new).rtcp(report(OUR_SSRC), 2)
    assert desk.open(peer(new).rtp(rtp(11))) == rtp(11)


# --- the controller's side ------------------------------------------------------------------------------------------


def test_rows_are_bounded_and_come_free() -> None:
    desk = Desk()
    for handle in range(1, srtp.ROWS + 1):
        desk.secure(handle, keys())
    desk.state.ctl[lo.COMMAND_TAIL] = desk.state.ctl[lo.COMMAND_HEAD] = 100
    assert not desk.give(99, keys())  # the first sees that row 2 is not named any more, and lets it rest
    desk.ticks(2)
    assert desk.give(99, keys())
    assert desk.ring.holds(0, 1), "what packets leave under stays"
    assert desk.ring.holds(0, srtp.ROWS)


def test_sessions_of_a_closed_leg_end() -> None:
    desk = Desk()
    desk.secure(1, keys())
    desk.ring.sweep()
    assert desk.ring.holds(0, 1)
    desk.leg.state = lo.LEG_FREE
    desk.ring.sweep()
    assert desk.ring.holds(0, 1), "commands that name it may still be on their way"
    desk.state.ctl[lo.COMMAND_TAIL] = 10
    desk.ring.sweep()
    assert not desk.ring.holds(0, 1)
    assert len(desk.ring) == 1
    desk.ticks(2)
    desk.ring.sweep()
    assert len(desk.ring) == 0


def test_a_peer_cannot_make_streams_without_end() -> None:
    desk, made = Desk(), keys()
    desk.secure(1, made)
    far = Desk()
    far.secure(1, made._replace(local=made.remote))
    for ssrc in range(1000, 1000 + srtp.MAX_STREAMS):
        assert desk.open(far.seal(rtp(1, ssrc)))
    assert desk.open(far.seal(rtp(1, 9))) is None
    last = 999 + srtp.MAX_STREAMS
    assert desk.open(far.seal(rtp(2, last))), "the stream that is there goes on"


def test_indices_are_guessed_as_the_standard_says() -> None:
    dice = random.Random(1)
    for _ in range(2000):
        highest, true = dice.randrange(1 << 20), 0
        true = max(0, highest + dice.randrange(-32768, 32768))
        assert srtp.guess_index(highest, true & 0xFFFF) == true
    assert srtp.guess_index(5, 65535) == 65535, "there is no index below 0"
    assert PEER_SSRC != OUR_SSRC


def _facts(desk: Desk) -> dict[int, list[int]]:
    """Rows by handle: their words, of pointers only whether there are any."""
    found = {}
    for row in desk.work.srtp[0]:
        words = row.tolist()
        for pointer in (srtp.RX, srtp.KEPT, srtp.TX):
            words[pointer] = int(words[pointer] != 0)
        if words[srtp.HANDLE]:
            found[words[srtp.HANDLE]] = words
    return found


def _packets(desk: Desk, far: Naive, count: int, ssrc: int = PEER_SSRC, first: int = 65530) -> None:
    for n in range(first, first + count):
        assert desk.open(far.rtp(rtp(n, ssrc), n >> 16)) is not None


def _happens(desk: Desk, far: Naive, what: str, new: Keys) -> None:
    """What an engine may do while another controller stands by."""
    if what == "packets":
        _packets(desk, far, 2, first=65533)
        assert desk.open_rtcp(far.rtcp(report(), 5)) is not None
    elif what == "a wrap":
        _packets(desk, far, 9, first=65533)
    elif what == "a stream":
        _packets(desk, far, 2, ssrc=0x7777, first=20)
    elif what == "new keys":
        desk.secure(8, new)
    elif what == "another leg":
        desk.leg.generation, desk.leg.ssrc = 2, 0x9999
    elif what == "the end":
        desk.leg.state, desk.leg.sr_handle, desk.leg.sr_tx_handle = lo.LEG_FREE, 0, 0
        desk.state.ctl[lo.COMMAND_HEAD] = desk.state.ctl[lo.COMMAND_TAIL] = 2  # the close, and one before it


@pytest.mark.parametrize("since", ["nothing", "packets", "a wrap", "a stream", "new keys", "another leg", "the end"])
def test_rows_made_ahead_are_brought_up_to_date(since: str) -> None:
    """A controller that stood by ends up with what one makes that begins after the kill."""
    made = {7: keys(), 8: keys()}
    desk, far = Desk(), peer(made[7])
    desk.state.ctl[lo.SLOTS_USED] = 1
    desk.secure(7, made[7])
    _packets(desk, far, 3)
    ahead = desk.reborn()
    assert ahead.ring.unheld() == [0]
    assert ahead.give(7, made[7])
    assert ahead.ring.unheld() == []
    _happens(desk, far, since, made[8])
    fresh = desk.reborn()
    named = {int(desk.leg.sr_handle), int(desk.leg.sr_previous)} - {0}
    for one in (ahead, fresh):
        one.ring.settle()
        if one.ring.unheld():
            assert all(one.ring.put(0, int(desk.leg.generation), handle, made[handle]) for handle in named)
    ahead.ring.sweep()
    assert _facts(ahead) == _facts(fresh)
    assert len(_facts(ahead)) == {"new keys": 2, "the end": 0}.get(since, 1)


def test_what_the_engine_before_has_heard_is_not_heard_again_by_one_that_stood_by() -> None:
    made = keys()
    desk, far = Desk(), peer(made)
    desk.state.ctl[lo.SLOTS_USED] = 1
    desk.secure(7, made)
    _packets(desk, far, 3)
    ahead = desk.reborn()
    assert ahead.give(7, made)
    _packets(desk, far, 2, first=65533)
    ahead.ring.settle()
    assert [ahead.open(far.rtp(rtp(n))) for n in (65531, 65534)] == [None, None]
    assert int(desk.leg.rx_replayed) == 2
    assert ahead.open(far.rtp(rtp(65540), 1)) is not None
