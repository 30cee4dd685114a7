"""A key service that does not answer is left alone for a while, and one lost answer among many is no silence."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from documents.encryption.keyblock import RSA_OAEP
from documents.errors import KeyServiceMisconfigured, KeyServiceRefused, KeyServiceUnavailable
from documents.keyservice import pausing
from documents.keyservice.pausing import Pausing

TIMEOUT = timedelta(seconds=0.2)


@dataclass
class Played:
    """A key service that does what it is told to; ``asked`` counts."""

    does: Callable[[], None] = lambda: None
    stanza_types: frozenset[int] = frozenset((RSA_OAEP,))
    asked: list[bytes] = field(default_factory=list)

    def kek_ids(self) -> frozenset[bytes]:
        return frozenset()

    def open_dek(self, kek_id: bytes, wrapped: bytes, context: bytes) -> bytes:
        self.asked.append(kek_id + wrapped + context)
        self.does()
        return bytes(32)

    def close(self) -> None:
        pass


def hang() -> None:
    time.sleep(TIMEOUT.total_seconds())
    raise KeyServiceUnavailable("It did not answer.")


def ask(service: Pausing) -> bytes:
    return service.open_dek(b"", b"", b"")


def test_after_a_request_that_hung_nobody_else_waits() -> None:
    played = Played(hang)
    service = Pausing(played, timeout=TIMEOUT)

    for _ in range(5):
        with pytest.raises(KeyServiceUnavailable):
            ask(service)

    assert len(played.asked) == 1
    with pytest.raises(KeyServiceUnavailable, match="a moment ago"):
        service.kek_ids()


def test_it_is_asked_again_after_the_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pausing, "PAUSE", 0.0)
    played = Played(hang)
    service = Pausing(played, timeout=TIMEOUT)
    with pytest.raises(KeyServiceUnavailable):
        ask(service)

    played.does = lambda: None

    assert ask(service) == bytes(32)


@pytest.mark.parametrize(
    "error", [KeyServiceUnavailable(), KeyServiceMisconfigured(), KeyServiceRefused(timedelta(seconds=1))]
)
def test_who_answers_at_once_is_asked_again_at_once(error: Exception) -> None:
    def refuse() -> None:
        raise error

    played = Played(refuse)
    service = Pausing(played, timeout=timedelta(seconds=20))

    for _ in range(3):
        with pytest.raises(type(error)):
            ask(service)

    assert len(played.asked) == 3


def test_one_answer_that_was_lost_stops_nobody() -> None:
    begun, others_answered = threading.Event(), threading.Event()

    def lost() -> None:
        begun.set()
        assert others_answered.wait(20)
        hang()

    played = Played(lost)
    service = Pausing(played, timeout=TIMEOUT)
    told: list[str] = []

    def ask_in_vain() -> None:
        try:
            ask(service)
        except KeyServiceUnavailable as error:
            told.append(str(error))

    thread = threading.Thread(target=ask_in_vain)
    thread.start()
    assert begun.wait(20)
    played.does = lambda: None
    ask(service)
    others_answered.set()
    thread.join(20)

    assert told == ["It did not answer."]
    assert ask(service) == bytes(32)
