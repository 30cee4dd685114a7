"""What a key service is known to hold: asked in the background, so that it is in nobody's way."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.conf.addresses import UnixAddress
from documents.conf.key_service import UnwrapServiceAt
from documents.errors import KeyServiceUnavailable
from documents.keyservice import held
from documents.keyservice.held import WAITED_FOR, Held
from tests.keyservice.serving import comes_true, public_sources

KEK = frozenset([bytes(32)])


class Slow:
    """A key service that answers when it is let. It is a real one to ``Held``, which knows the protocol alone."""

    stanza_types: frozenset[int] = frozenset()

    def __init__(self) -> None:
        self.let, self.asked, self.answer = threading.Event(), 0, KEK
        self.is_away, self.how = False, Exception("")

    def kek_ids(self) -> frozenset[bytes]:
        self.asked += 1
        self.let.wait(20)
        if self.is_away:
            raise self.how
        return self.answer

    def open_dek(self, kek_id: bytes, wrapped: bytes, context: bytes) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        pass


@pytest.fixture
def slow() -> Iterator[Slow]:
    service = Slow()
    yield service
    service.let.set()


def seconds_of(known: Held, occasion: str) -> float:
    began = time.monotonic()
    known.kek_ids(occasion)
    return time.monotonic() - began


def test_an_answer_that_comes_is_waited_for_and_a_silent_service_once(slow: Slow) -> None:
    known = Held(slow)
    assert seconds_of(known, "start") >= WAITED_FOR
    assert max(seconds_of(known, "start") for _ in range(20)) < WAITED_FOR / 2
    assert slow.asked == 1, "it is being asked"
    slow.let.set()
    assert comes_true(lambda: known.kek_ids("start") == KEK)
    slow.answer = frozenset()
    assert known.kek_ids("a key file came") == frozenset(), "an answer that comes is waited for"


def test_an_old_answer_is_gone_on_with_while_a_new_one_is_asked_for(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "FRESH", 0.0)
    slow.let.set()
    known = Held(slow)
    assert known.kek_ids("start") == KEK
    slow.let.clear()
    slow.answer = frozenset()
    assert seconds_of(known, "start") < WAITED_FOR / 2
    assert known.kek_ids("start") == KEK
    slow.let.set()
    assert comes_true(lambda: known.kek_ids("start") == frozenset())


def test_what_was_known_stays_known_while_the_service_is_away(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "FRESH", 0.0)
    slow.let.set()
    known = Held(slow)
    assert known.kek_ids("start") == KEK
    slow.is_away, slow.how = True, KeyServiceUnavailable("It is away.")
    asked = slow.asked
    assert comes_true(lambda: known.kek_ids("start") == KEK and slow.asked > asked)
    assert seconds_of(known, "start") < WAITED_FOR / 2
    assert known.kek_ids("start") == KEK


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_question_that_failed_strangely_is_not_the_last(slow: Slow) -> None:
    slow.let.set()
    slow.is_away, slow.how = True, RuntimeError("what no key service should raise")
    held_keys = Held(slow)
    assert held_keys.kek_ids("at first") is None
    slow.is_away = False
    assert held_keys.kek_ids("a key file came") == KEK


@pytest.fixture
def hanging(settings: Settings, tmp_path: Path) -> Iterator[socket.socket]:
    """This process asks a service that lets everybody in and says nothing."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        listening.settimeout(20)
        service = UnwrapServiceAt(UnixAddress(tmp_path / "socket"), timedelta(seconds=20))
        keys = replace(public_sources(tmp_path / "public", None), service=service)
        settings.VAULT = replace(settings.VAULT, keys=keys)
        key_rings.reset()
        yield listening
        key_rings.reset()


@pytest.mark.usefixtures("hanging")
def test_who_seals_waits_for_no_service_that_hangs() -> None:
    began = time.monotonic()
    rings = [key_rings.key_ring() for _ in range(50)]

    assert len({ring.primary.kek_id for ring in rings}) == 1
    assert time.monotonic() - began < 10


def test_a_child_that_was_forked_asks_anew(hanging: socket.socket) -> None:
    key_rings.key_ring()
    hanging.accept()[0].close()
    child = os.fork()
    if child == 0:
        key_rings.key_ring()
        os._exit(0)
    hanging.accept()[0].close()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
