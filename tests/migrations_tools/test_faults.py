"""What stands in the way of a run: told, item by item, and never taken for success."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from documents.errors import StorageAccessDenied, StorageFull, StorageUnavailable
from documents.models import Attachment, Document
from documents.storage.base import ObjectRef, StorageProvider
from migrations_tools import attempts, control, runner
from migrations_tools.copying import CopyWork
from migrations_tools.models import MigrationRun
from migrations_tools.states import RunKind, RunState
from tests.migrations_tools.moving import OPERATOR, Stores, There, is_whole, item_of, outcomes, run_to

Store = Callable[..., Document]


def overwrite(provider: StorageProvider, key: str, body: bytes) -> None:
    provider.delete(key)
    provider.put_bytes(key, body)


def attachment_of(document: Document) -> Attachment:
    return document.current_attachment()


def test_a_damaged_source_is_told_and_never_copied(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    good, bad = attachment_of(store(b"good")), attachment_of(store(b"bad"))
    body = bytearray(here.get(bad.storage_path))
    body[-1] ^= 1
    overwrite(here, bad.storage_path, bytes(body))

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.FAILED, {"done": 1, "failed:source-damaged": 1})
    assert is_whole(good)
    bad.refresh_from_db()
    assert bad.storage_type == stores.here
    assert not there.exists(bad.storage_path)


@pytest.mark.parametrize("change", ["cut", "longer", "empty"])
def test_a_source_of_another_length_is_damaged(
    stores: Stores, store: Store, here: StorageProvider, change: str
) -> None:
    row = attachment_of(store(b"good"))
    body = here.get(row.storage_path)
    overwrite(here, row.storage_path, {"cut": body[:-1], "longer": body + b"x", "empty": b""}[change])

    assert outcomes(run_to(stores.there)) == {"failed:source-damaged": 1}


def test_a_missing_source_is_told(stores: Stores, store: Store, here: StorageProvider) -> None:
    row = attachment_of(store())
    here.delete(row.storage_path)

    run = run_to(stores.there)

    assert outcomes(run) == {"failed:object-not-found": 1}
    assert row.storage_path in item_of(run, row).detail


def test_another_object_at_the_key_is_left_alone(stores: Stores, store: Store, there: StorageProvider) -> None:
    row = attachment_of(store())
    there.put_bytes(row.storage_path, b"somebody else's")

    run = run_to(stores.there)

    assert outcomes(run) == {"failed:destination-taken": 1}
    assert there.get(row.storage_path) == b"somebody else's"
    assert is_whole(row)
    assert row.storage_type == stores.here


def test_a_copy_that_is_there_already_is_verified_and_taken(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider
) -> None:
    row = attachment_of(store())
    there.put_bytes(row.storage_path, here.get(row.storage_path))

    assert outcomes(run_to(stores.there)) == {"done": 1}
    assert is_whole(row)


def test_what_failed_is_tried_again_and_what_was_done_is_not(
    stores: Stores, store: Store, there: StorageProvider
) -> None:
    row = attachment_of(store())
    store(b"another")
    there.put_bytes(row.storage_path, b"in the way")
    run = run_to(stores.there)
    there.delete(row.storage_path)

    assert control.retry_failed(run, OPERATOR) == 1
    runner.work_on(run.pk)

    run.refresh_from_db()
    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 2})


def put_fails(monkeypatch: pytest.MonkeyPatch, error: Exception, *, times: int = 10**9) -> None:
    """Have the next ``times`` writes to the destination fail."""
    left, put, put_bytes = [times], There.put_stream, There.put_bytes

    def fail() -> None:
        if left[0] > 0:
            left[0] -= 1
            raise error

    def failing(self: There, key: str, chunks: object) -> ObjectRef:
        fail()
        return put(self, key, chunks)  # type: ignore[arg-type]

    def failing_too(self: There, key: str, data: bytes) -> ObjectRef:
        fail()
        return put_bytes(self, key, data)

    monkeypatch.setattr(There, "put_stream", failing)
    monkeypatch.setattr(There, "put_bytes", failing_too)


@pytest.mark.parametrize(
    "error",
    [
        StorageFull("No room", provider="there", key="k"),
        StorageAccessDenied("The credentials have expired", provider="there", key="k"),
    ],
)
def test_a_destination_that_takes_nothing_stops_the_run_and_it_goes_on_later(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    for number in range(5):
        store(f"{number}".encode())
    with monkeypatch.context() as patch:
        put_fails(patch, error)
        run = run_to(stores.there)
    assert run.state == RunState.INTERRUPTED
    assert str(error) in run.note
    assert outcomes(run) == {"pending": 5}

    control.resume(run, OPERATOR)
    runner.work_on(run.pk)

    run.refresh_from_db()
    assert (run.state, run.note, outcomes(run)) == (RunState.SUCCEEDED, "", {"done": 5})


def test_a_store_that_asks_for_less_is_given_less_and_gets_everything(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", timedelta(0))
    for number in range(5):
        store(f"{number}".encode())
    put_fails(monkeypatch, StorageUnavailable("SlowDown", provider="there"), times=4)

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 5})
    assert sum(item.attempts for item in run.items.all()) == 9


def test_an_answer_that_was_lost_is_success(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch, there: StorageProvider
) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", timedelta(0))
    row, put = attachment_of(store()), There.put_stream

    def lost(self: There, key: str, chunks: object) -> ObjectRef:
        put(self, key, chunks)  # type: ignore[arg-type]
        raise StorageUnavailable("The answer was lost", provider="there")

    with monkeypatch.context() as patch:
        patch.setattr(There, "put_stream", lost)
        patch.setattr(attempts, "MOST_ATTEMPTS", 2)
        run = run_to(stores.there)

    assert outcomes(run) == {"done": 1}
    assert is_whole(row)
    assert [info.key for info in there.iter_locations("documents/")] == [row.storage_path]


def test_a_copy_that_reads_back_wrong_is_told_and_the_next_goes_to_another_key(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch, there: StorageProvider
) -> None:
    row, put = attachment_of(store()), There.put_stream

    def rotten(self: There, key: str, chunks: object) -> ObjectRef:
        ref = put(self, key, chunks)  # type: ignore[arg-type]
        overwrite(self, key, b"rotten")
        return ref

    with monkeypatch.context() as patch:
        patch.setattr(There, "put_stream", rotten)
        run = run_to(stores.there)
    assert outcomes(run) == {"failed:copy-damaged": 1}
    assert is_whole(row)
    assert row.storage_type == stores.here

    control.retry_failed(run, OPERATOR)
    runner.work_on(run.pk)

    assert is_whole(row)
    assert (row.storage_type, row.storage_path.count("_m")) == (stores.there, 1)


def test_a_copy_that_was_never_switched_to_is_purged(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch, here: StorageProvider, there: StorageProvider
) -> None:
    row = attachment_of(store())
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    with monkeypatch.context() as patch:
        patch.setattr(CopyWork, "settle", killed)
        with pytest.raises(KeyboardInterrupt):
            runner.work_on(run.pk)
    assert there.exists(row.storage_path)
    run.items.update(lease_until=run.created_at)
    control.cancel(run, OPERATOR)
    again = run_to(stores.there)
    assert outcomes(again) == {"done": 1}
    row.refresh_from_db()
    assert row.storage_path.endswith(f"_m{again.pk}.vlt")

    purged = run_to(stores.there, kind=RunKind.PURGE)

    assert outcomes(purged) == {"done": 2}
    assert [info.key for info in there.iter_locations("documents/")] == [row.storage_path]
    assert list(here.iter_locations("documents/")) == []
    assert is_whole(row)


def killed(*_arguments: object) -> None:
    raise KeyboardInterrupt
