"""Several providers as one: what is written is found again, and never a stale or another object."""

from collections.abc import Callable

import pytest

from documents.errors import (
    IntegrityMismatch,
    ObjectExists,
    ObjectNotFound,
    StorageAccessDenied,
    StorageError,
    StorageUnavailable,
)
from documents.storage.base import StorageProvider
from documents.storage.conformance import ProviderConformance
from documents.storage.conformance_capabilities import ConditionalCreateConformance
from documents.storage.failover import FIRST_PAUSE, Failover
from documents.storage.hashing import checksum_of
from documents.storage.memory import MemoryProvider
from tests.storage.breakable import Breakable, Corrupting, Lazy


class TestFailover(ProviderConformance, ConditionalCreateConformance):
    @pytest.fixture
    def provider(self) -> StorageProvider:
        return Failover([MemoryProvider(name="one"), MemoryProvider(name="two")], name="both")


class TestFailoverWithASecondCopy(ProviderConformance, ConditionalCreateConformance):
    @pytest.fixture
    def provider(self) -> StorageProvider:
        return Failover([MemoryProvider(name="one"), MemoryProvider(name="two")], name="both", second_copy=True)


@pytest.fixture
def pair() -> tuple[Breakable, Breakable]:
    return Breakable(name="one"), Breakable(name="two")


DOWN = StorageUnavailable("down")


@pytest.mark.parametrize("fault", [DOWN, StorageAccessDenied("no credentials")])
def test_a_put_goes_to_the_next_where_the_first_is_ill(pair: tuple[Breakable, Breakable], fault: StorageError) -> None:
    both = Failover(pair, name="both")
    pair[0].fault = fault
    both.put_bytes("k", b"1")
    with both.open_writer("streamed") as writer:
        writer.write(b"22")
        writer.commit()
    pair[0].fault = None
    assert sorted(info.key for info in pair[1].iter_locations()) == ["k", "streamed"]
    assert list(pair[0].iter_locations()) == []
    assert (both.get("k"), both.get("streamed"), both.head("k").size) == (b"1", b"22", 1)
    assert sorted(info.key for info in both.iter_locations()) == ["k", "streamed"]


def test_an_ill_provider_is_left_alone_for_a_while(
    pair: tuple[Breakable, Breakable], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("documents.storage.failover.time.monotonic", lambda: now[0])
    both = Failover(pair, name="both")
    pair[0].fault = DOWN
    for number in range(3):
        both.put_bytes(str(number), b"")
    asked = pair[0].calls
    both.put_bytes("more", b"")
    assert pair[0].calls == asked
    now[0] += FIRST_PAUSE.total_seconds() + 1
    pair[0].fault = None
    both.put_bytes("again", b"")
    assert pair[0].exists("again")


def test_all_ill_is_unavailable_and_absence_needs_everybodys_word(pair: tuple[Breakable, Breakable]) -> None:
    both = Failover(pair, name="both")
    with pytest.raises(ObjectNotFound):
        both.get("nothing")
    pair[1].fault = DOWN
    with pytest.raises(StorageUnavailable):
        both.get("nothing")
    pair[0].fault = DOWN
    for call in (both.get, both.head, both.exists, lambda key: both.put_bytes(key, b"")):
        with pytest.raises(StorageUnavailable):
            call("k")


def test_what_is_not_the_providers_fault_is_told_at_once(pair: tuple[Breakable, Breakable]) -> None:
    both = Failover(pair, name="both")
    both.put_bytes("k", b"1")
    with pytest.raises(ObjectExists):
        both.put_bytes("k", b"2")
    assert not pair[1].exists("k")


def test_a_deletion_counts_once_every_provider_confirmed_it(pair: tuple[Breakable, Breakable]) -> None:
    both = Failover(pair, name="both", second_copy=True)
    both.put_bytes("k", b"1")
    pair[1].fault = DOWN
    with pytest.raises(StorageUnavailable):
        both.delete("k")
    pair[1].fault = None
    both.delete("k")
    assert not any(provider.exists("k") for provider in pair)


def test_a_second_copy_is_read_where_the_first_is_down(pair: tuple[Breakable, Breakable]) -> None:
    both = Failover(pair, name="both", second_copy=True, checksum_of=lambda _key: checksum_of(b"12345"))
    both.put_bytes("k", b"12345")
    pair[0].fault = DOWN
    assert both.get("k") == b"12345"
    assert both.get_range("k", 1, 2) == b"23"


@pytest.mark.parametrize("known", [True, False])
def test_a_copy_that_is_another_object_is_never_served(pair: tuple[Breakable, Breakable], *, known: bool) -> None:
    expected: Callable[[str], str | None] = lambda _key: checksum_of(b"right") if known else None  # noqa: E731
    both = Failover(pair, name="both", checksum_of=expected)
    pair[0].put_bytes("k", b"right")
    pair[1].put_bytes("k", b"wrong")
    assert both.get("k") == b"right"
    pair[0].fault = DOWN
    if known:
        with pytest.raises((IntegrityMismatch, StorageUnavailable)):
            both.get("k")
    else:
        assert both.get("k") == b"wrong", "without a checksum nothing tells them apart: the control of the other case"


def test_a_copy_that_fails_does_not_undo_the_put(pair: tuple[Breakable, Breakable]) -> None:
    both = Failover(pair, name="both", second_copy=True)
    pair[1].fault = DOWN
    both.put_bytes("k", b"1")
    assert pair[0].get("k") == both.get("k") == b"1"


def test_a_writer_goes_to_the_next_where_the_first_would_fail_only_later() -> None:
    lazy, second = Lazy(name="one"), Breakable(name="two")
    both = Failover([lazy, second], name="both")
    lazy.fault = DOWN
    with both.open_writer("k") as writer:
        writer.write(b"streamed")
        writer.commit()
    assert second.get("k") == b"streamed"


def test_a_writer_that_fails_late_moves_the_next_one() -> None:
    lazy, second = Lazy(name="one"), Breakable(name="two")
    both = Failover([lazy, second], name="both")
    writer = both.open_writer("first")
    writer.write(b"1")
    lazy.fault = DOWN
    with pytest.raises(StorageUnavailable):
        writer.commit()
    writer.abort()
    calls = lazy.calls
    with both.open_writer("second") as writer:
        writer.write(b"2")
        writer.commit()
    assert second.exists("second")
    assert lazy.calls == calls, "it is left alone for a while"


def test_one_refused_key_does_not_move_the_others(pair: tuple[Breakable, Breakable]) -> None:
    both = Failover(pair, name="both")
    pair[0].fault = StorageAccessDenied("not this one")
    both.put_bytes("refused", b"1")
    pair[0].fault = None
    both.put_bytes("next", b"2")
    assert (pair[1].exists("refused"), pair[0].exists("next")) == (True, True)


def test_a_second_copy_that_is_another_object_does_not_stay() -> None:
    first, second = MemoryProvider(name="one"), Corrupting(name="two")
    both = Failover([first, second], name="both", second_copy=True)
    with both.open_writer("k") as writer:
        writer.write(b"right")
        writer.commit()
    assert first.get("k") == b"right"
    assert not second.exists("k")


@pytest.mark.parametrize("fault", [DOWN, IntegrityMismatch("another object")])
def test_what_a_stand_in_fails_at_says_nothing_about_the_object(
    pair: tuple[Breakable, Breakable], fault: StorageError
) -> None:
    both = Failover(pair, name="one", stand_ins=1)
    pair[1].fault = fault
    with pytest.raises(ObjectNotFound):
        both.get("nothing")
