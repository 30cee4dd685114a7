"""Readiness: asked once for all who want to know, so that a store that hangs holds one thread."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from documents.services import readiness as module
from documents.services.readiness import Readiness


@pytest.fixture
def ask_storage_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    def replace_by(ask: Callable[[], object]) -> None:
        monkeypatch.setattr(module, "_PARTS", {"storage": ask})

    return replace_by


def test_an_answer_is_kept_for_a_while(
    ask_storage_by: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    ask_storage_by(lambda: asked.append(1))
    readiness = Readiness()

    assert [readiness() for _ in range(5)] == [{"storage": True}] * 5
    assert len(asked) == 1
    monkeypatch.setattr(module, "FRESH_SECONDS", 0)
    readiness()
    assert len(asked) == 2


def test_a_part_that_hangs_holds_one_asker(
    ask_storage_by: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, go = threading.Event(), threading.Event()
    hangs = iter([False, True])

    def ask() -> None:
        if next(hangs):
            inside.set()
            assert go.wait(10)

    ask_storage_by(ask)
    readiness = Readiness()
    assert readiness() == {"storage": True}
    monkeypatch.setattr(module, "FRESH_SECONDS", 0)
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(readiness)
        assert inside.wait(10)
        assert readiness() == {"storage": True}, "the last answer, at once"
        monkeypatch.setattr(module, "STALE_SECONDS", 0)
        assert readiness() == {"storage": False}, "for too long"
        go.set()
        assert first.result(10) == {"storage": True}
