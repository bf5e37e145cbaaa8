"""SRTP and SRTCP, slow and obvious: AES, its modes and the key derivation written down from the standards."""

import hashlib
import hmac
from typing import NamedTuple


def _times_two(a: int) -> int:
    return (a << 1 ^ 0x11B) if a & 0x80 else a << 1


def _times(a: int, b: int) -> int:
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = _times_two(a), b >> 1
    return product


def _box() -> list[int]:
    """FIPS 197 section 5.1.1: the inverse in GF(2^8), then an affine map."""
    box = []
    for value in range(256):
        inverse = next((x for x in range(256) if _times(value, x) == 1), 0)
        mixed = inverse
        for shift in range(1, 5):
            mixed ^= (inverse << shift | inverse >> (8 - shift)) & 0xFF
        box.append(mixed ^ 0x63)
    return box


_BOX = _box()


def aes(key: bytes, block: bytes) -> bytes:
    """One block of AES-128 or AES-256 (FIPS 197 section 5.1)."""
    words = [list(key[i : i + 4]) for i in range(0, len(key), 4)]
    long = len(words)
    rounds, constant = long + 6, 1
    while len(words) < 4 * (rounds + 1):
        word = list(words[-1])
        if len(words) % long == 0:
            word = [_BOX[x] for x in word[1:] + word[:1]]
            word[0] ^= constant
            constant = _times_two(constant)
        elif long > 6 and len(words) % long == 4:
            word = [_BOX[x] for x in word]
        words.append([a ^ b for a, b in zip(word, words[-long], strict=True)])
    keys = [[x for word in words[4 * i : 4 * i + 4] for x in word] for i in range(rounds + 1)]
    state = [a ^ b for a, b in zip(block, keys[0], strict=True)]
    for number in range(1, rounds + 1):
        state = [_BOX[x] for x in state]
        state = [state[(i + 4 * (i % 4)) % 16] for i in range(16)]
        if number < rounds:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column : column + 4]
                mixed += [
                    _times(a[i], 2) ^ _times(a[(i + 1) % 4], 3) ^ a[(i + 2) % 4] ^ a[(i + 3) % 4] for i in range(4)
                ]
            state = mixed
        state = [a ^ b for a, b in zip(state, keys[number], strict=True)]
    return bytes(state)


def counter_mode(key: bytes, start: int, length: int) -> bytes:
    """Key stream of RFC 3711 section 4.1.1: blocks of start, start + 1..."""
    stream = b""
    while len(stream) < length:
        stream += aes(key, (start % (1 << 128)).to_bytes(16, "big"))
        start += 1
    return stream[:length]


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def derive(master: bytes, salt: bytes, label: int, length: int) -> bytes:
    """RFC 3711 section 4.3 with derivation rate 0; salts of 96 bits are padded on the right (RFC 7714 section 11)."""
    value = int.from_bytes(salt.ljust(14, b"\0"), "big") ^ label << 48
    return counter_mode(master, value << 16, length)


def gcm(key: bytes, iv: bytes, plain: bytes, associated: bytes) -> bytes:
    """Ciphertext and tag of AES-GCM with an IV of 96 bits (SP 800-38D)."""
    start = int.from_bytes(iv + b"\0\0\0\1", "big")
    cipher = xor(plain, counter_mode(key, start + 1, len(plain)))
    h = int.from_bytes(aes(key, bytes(16)), "big")
    padded = b"".join(part + bytes(-len(part) % 16) for part in (associated, cipher))
    padded += (8 * len(associated)).to_bytes(8, "big") + (8 * len(cipher)).to_bytes(8, "big")
    y = 0
    for at in range(0, len(padded), 16):
        y = _gcm_times(y ^ int.from_bytes(padded[at : at + 16], "big"), h)
    return cipher + xor(y.to_bytes(16, "big"), aes(key, start.to_bytes(16, "big")))


def _gcm_times(a: int, b: int) -> int:
    product = 0
    for bit in range(127, -1, -1):
        product ^= b if a >> bit & 1 else 0
        b = b >> 1 ^ (0xE1 << 120) if b & 1 else b >> 1
    return product


class Naive(NamedTuple):
    """One direction: seals what a correct sender would send."""

    suite: str
    key: bytes

    @property
    def _parts(self) -> tuple[bytes, bytes]:
        salt = 12 if "GCM" in self.suite else 14
        return self.key[:-salt], self.key[-salt:]

    def rtp(self, packet: bytes, roc: int = 0) -> bytes:
        """RFC 3711 section 3.3, RFC 7714 section 8; no CSRCs, no extension."""
        master, salt = self._parts
        head, body = packet[:12], packet[12:]
        key, own = derive(master, salt, 0, len(master)), derive(master, salt, 2, len(salt))
        ssrc, sequence = int.from_bytes(packet[8:12], "big"), int.from_bytes(packet[2:4], "big")
        index = roc << 16 | sequence
        if "GCM" in self.suite:
            iv = xor((ssrc << 48 | index).to_bytes(12, "big"), own)
            return head + gcm(key, iv, body, head)
        start = int.from_bytes(own, "big") << 16 ^ ssrc << 64 ^ index << 16
        sealed = head + xor(body, counter_mode(key, start, len(body)))
        tag = hmac.digest(derive(master, salt, 1, 20), sealed + roc.to_bytes(4, "big"), hashlib.sha1)
        return sealed + tag[: 4 if self.suite.endswith("_32") else 10]

    def rtcp(self, packet: bytes, index: int) -> bytes:
        """RFC 3711 section 3.4, RFC 7714 section 9; always encrypted."""
        master, salt = self._parts
        head, body = packet[:8], packet[8:]
        key, own = derive(master, salt, 3, len(master)), derive(master, salt, 5, len(salt))
        ssrc, word = int.from_bytes(packet[4:8], "big"), (1 << 31 | index).to_bytes(4, "big")
        if "GCM" in self.suite:
            iv = xor((ssrc << 48 | index).to_bytes(12, "big"), own)
            return head + gcm(key, iv, body, head + word) + word
        start = int.from_bytes(own, "big") << 16 ^ ssrc << 64 ^ index << 16
        sealed = head + xor(body, counter_mode(key, start, len(body))) + word
        return sealed + hmac.digest(derive(master, salt, 4, 20), sealed, hashlib.sha1)[:10]
