import os
import socket

from tests.support.addresses import address


def test_addresses_differ_and_can_be_bound() -> None:
    with address() as one, address() as two:
        assert one != two
        for host in (one, two):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind((host, 5060))


def test_address_held_by_another_process_is_not_handed_out(monkeypatch) -> None:
    monkeypatch.setattr("tests.support.addresses._candidates", lambda: iter(["127.9.9.9", "127.9.9.10"]))
    with address() as mine:
        assert mine == "127.9.9.9"
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            with address() as theirs:
                os.write(write_end, theirs.encode())
            os._exit(0)
        os.close(write_end)
        assert os.read(read_end, 100) == b"127.9.9.10"
        os.close(read_end)
        os.waitpid(child, 0)


def test_address_is_free_again_after_the_block(monkeypatch) -> None:
    monkeypatch.setattr("tests.support.addresses._candidates", lambda: iter(["127.9.9.11"]))
    for _ in range(2):
        with address() as mine:
            assert mine == "127.9.9.11"
