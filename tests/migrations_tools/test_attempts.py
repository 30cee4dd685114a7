"""What one object's failure means: its own, after its attempts; or that of a store that takes or gives nothing."""

import threading
from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from documents.errors import ObjectExists, ObjectNotFound, StorageAccessDenied, StorageError, StorageUnavailable
from documents.models import Attachment, ObjectRemoval
from documents.models.clock import database_now
from documents.storage.base import Buffer, ObjectReader, ObjectRef, StorageProvider
from migrations_tools import attempts, control, leases, plan, runner
from migrations_tools.attempts import LONGEST_PAUSE, MOST_ATTEMPTS, pause_after
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.states import RunKind, RunState
from tests.conftest import Store
from tests.migrations_tools.moving import OPERATOR, Stores, There, is_whole, item_of, outcomes, run_to


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", timedelta(0))


@pytest.fixture
def three(stores: Stores, store: Store) -> list[Attachment]:
    return [store(f"{number}".encode()).current_attachment() for number in range(3)]


def refuse(monkeypatch: pytest.MonkeyPatch, keys: Iterable[str], error: Exception, *, times: int = 10**9) -> None:
    """Have writes of these keys to the destination fail, the next ``times``."""
    put, refused, left = There.put_stream, set(keys), [times]

    def put_stream(self: There, key: str, chunks: Iterable[Buffer]) -> ObjectRef:
        if key in refused and left[0]:
            left[0] -= 1
            raise error
        return put(self, key, chunks)

    monkeypatch.setattr(There, "put_stream", put_stream)


def test_pauses_double_up_to_two_minutes_and_add_up_to_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", LONGEST_PAUSE)
    pauses = [pause_after(number) for number in range(1, MOST_ATTEMPTS)]

    assert pauses[:3] == [timedelta(seconds=1), timedelta(seconds=2), timedelta(seconds=4)]
    assert max(pauses) == timedelta(minutes=2)
    assert sum(pauses, timedelta()) > timedelta(minutes=10)
    assert pause_after(10**9) == timedelta(minutes=2)


@pytest.mark.parametrize("error", [StorageAccessDenied, StorageUnavailable])
def test_one_object_that_is_refused_fails_alone(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch, error: type[StorageError]
) -> None:
    monkeypatch.setattr(attempts, "MOST_ATTEMPTS", 2)
    refuse(monkeypatch, [three[1].storage_path], error("Not this one", provider=stores.there))

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.FAILED, {"done": 2, f"failed:{error.code}": 1})
    assert item_of(run, three[1]).attempts == (2 if error.retryable else 1)
    assert all(is_whole(row) for row in three)


def test_one_source_that_is_refused_fails_alone(
    stores: Stores, three: list[Attachment], here: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, refused = type(here).open, three[1].storage_path

    def denied(self: StorageProvider, key: str, *, start: int = 0, length: int | None = None) -> ObjectReader:
        if key == refused and self.name == here.name:
            raise StorageAccessDenied("Not this one", provider="a member of a failover")
        return opened(self, key, start=start, length=length)

    monkeypatch.setattr(type(here), "open", denied)

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.FAILED, {"done": 2, "failed:storage-access-denied": 1})


def test_a_store_that_is_away_for_all_stops_the_run_and_no_item_fails(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(attempts, "MOST_ATTEMPTS", 3)
        away = StorageUnavailable("It does not answer", provider=stores.there)
        refuse(patch, [row.storage_path for row in three], away)
        patch.setattr(There, "put_bytes", lambda *_a: (_ for _ in ()).throw(away))
        run = run_to(stores.there)
    assert (run.state, outcomes(run)) == (RunState.INTERRUPTED, {"pending:storage-unavailable": 3})
    assert "It does not answer" in run.note

    control.resume(run, OPERATOR)

    assert set(run.items.values_list("refusals", flat=True)) == {0}
    runner.work_on(run.pk)
    assert (MigrationRun.objects.get(pk=run.pk).state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 3})


@pytest.mark.parametrize("kind", [RunKind.VERIFY, RunKind.PURGE])
def test_a_store_that_refuses_all_of_another_kind_of_run_stops_it(
    stores: Stores, three: list[Attachment], here: StorageProvider, monkeypatch: pytest.MonkeyPatch, kind: RunKind
) -> None:
    run_to(stores.there)
    refusing = {RunKind.VERIFY: (There, ("open", "exists")), RunKind.PURGE: (type(here), ("delete",))}
    store, names = refusing[kind]

    def denied(self: StorageProvider, *_arguments: object, **_more: object) -> None:
        raise StorageAccessDenied("The credentials have expired", provider=self.name)

    with monkeypatch.context() as patch:
        for name in names:
            patch.setattr(store, name, denied)
        run = run_to(stores.there, kind=kind)
    assert (run.state, run.items.filter(state="pending").count()) == (RunState.INTERRUPTED, 3)

    control.resume(run, OPERATOR)
    runner.work_on(run.pk)

    assert (MigrationRun.objects.get(pk=run.pk).state, run.items.filter(state="done").count()) == (
        RunState.SUCCEEDED,
        3,
    )


def test_a_destination_that_has_forgotten_an_upload_is_no_lost_source(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, [three[0].storage_path], ObjectNotFound("NoSuchUpload", provider=stores.there), times=1)

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 3})
    assert item_of(run, three[0]).attempts == 2


def test_a_copy_that_is_cleared_away_each_time_is_told_as_that(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch, here: StorageProvider
) -> None:
    monkeypatch.setattr(attempts, "MOST_ATTEMPTS", 2)
    row, put = store().current_attachment(), There.put_stream

    def cleared(self: There, key: str, chunks: Iterable[Buffer]) -> ObjectRef:
        ref = put(self, key, chunks)
        self.delete(key)
        return ref

    monkeypatch.setattr(There, "put_stream", cleared)

    run = run_to(stores.there)

    assert outcomes(run) == {"failed:copy-lost": 1}
    assert is_whole(row)
    assert (row.storage_type, here.exists(row.storage_path)) == (stores.here, True)


def test_a_fault_of_the_vault_itself_is_one_items_and_its_words_stay_in_the_log(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, [three[2].storage_path], ZeroDivisionError("passport of Alice"))

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.FAILED, {"done": 2, "failed:internal-error": 1})
    item = item_of(run, three[2])
    assert (item.attempts, item.detail) == (2, "ZeroDivisionError")


def test_whether_two_stores_are_one_is_asked_again_where_nobody_answered(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch, here: StorageProvider
) -> None:
    run_to(stores.there)
    put, left = type(here).put_bytes, [1]

    def slow(self: StorageProvider, key: str, data: bytes) -> ObjectRef:
        if key.startswith("check/") and left[0]:
            left[0] -= 1
            raise StorageUnavailable("SlowDown", provider=self.name)
        return put(self, key, data)

    monkeypatch.setattr(type(here), "put_bytes", slow)
    monkeypatch.setattr(There, "put_bytes", slow)

    run = run_to(stores.there, kind=RunKind.PURGE)

    assert (run.state, outcomes(run), left) == (RunState.SUCCEEDED, {"done": 3}, [0])


def test_of_a_document_that_was_deleted_after_its_copy_was_made_the_copy_is_noted(
    stores: Stores, three: list[Attachment]
) -> None:
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    complete_plan(run)
    begun, untouched = item_of(run, three[0]), item_of(run, three[1])
    MigrationItem.objects.filter(pk=begun.pk).update(attempts=1)  # by a worker that died then
    Attachment.objects.filter(pk__in=[begun.object_id, untouched.object_id]).delete()

    runner.work_on(run.pk)

    assert outcomes(run) == {"done": 1, "skipped:deleted": 2}
    noted = ObjectRemoval.objects.filter(storage_type=stores.there).values_list("attachment_id", "storage_path")
    assert list(noted) == [(begun.object_id, begun.destination_path)]


def test_attempts_are_counted_by_what_came_of_them(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("vault_migration_attempts_total", {"kind": "copy", "outcome": outcome}) or 0

    refuse(monkeypatch, [three[0].storage_path], StorageUnavailable("SlowDown", provider=stores.there), times=2)
    before = counted("ok"), counted("storage-unavailable")

    run_to(stores.there)

    assert (counted("ok"), counted("storage-unavailable")) == (before[0] + 3, before[1] + 2)


def test_leases_of_workers_that_died_are_no_refusals(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(run)
    control.begin(run)
    for _ in range(MOST_ATTEMPTS):
        leases.take_items(run, 10, lease=timedelta(seconds=-1))
    refuse(monkeypatch, [three[0].storage_path], StorageUnavailable("SlowDown", provider=stores.there), times=1)

    runner.work_on(run.pk)

    assert outcomes(run) == {"done": 3}


def test_a_large_object_keeps_no_other_waiting(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is free only later, because another worker had it, begins while the first is still in work."""
    run = control.create(MigrationRun(destination=stores.there, threads=4), OPERATOR)
    complete_plan(run)
    control.begin(run)
    large = item_of(run, three[0])
    until = database_now() + timedelta(seconds=0.3)
    run.items.exclude(pk=large.pk).update(lease=uuid4(), lease_until=until, attempts=1)
    put, others_are_there = There.put_stream, threading.Event()
    found: list[bool] = []

    def slow(self: There, key: str, chunks: Iterable[Buffer]) -> ObjectRef:
        if key == large.destination_path:
            found.append(others_are_there.wait(30))
        else:
            others_are_there.set()
        return put(self, key, chunks)

    monkeypatch.setattr(There, "put_stream", slow)

    runner.work_on(run.pk)

    assert (found, outcomes(run)) == ([True], {"done": 3})


def test_nothing_is_moved_before_all_is_planned(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while it is planned, and resumed at once: the report would count what is moved then twice."""
    monkeypatch.setattr(plan, "BATCH", 1)
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    looks: list[bool] = []

    def keep() -> bool:
        looks.append(True)
        return len(looks) < 3

    assert runner.work_on(run.pk, keep=keep)
    run.refresh_from_db()
    assert (run.planned_at, set(outcomes(run))) == (None, {"pending"})

    runner.work_on(run.pk)

    run.refresh_from_db()
    assert (run.already_there, outcomes(run)) == (0, {"done": 3})


def test_a_probe_whose_answer_was_lost_is_found_there(
    stores: Stores, three: list[Attachment], monkeypatch: pytest.MonkeyPatch, here: StorageProvider
) -> None:
    """The client repeats its request, and is told that the object is there already."""
    run_to(stores.there)
    put = type(here).put_bytes

    def repeated(self: StorageProvider, key: str, data: bytes) -> ObjectRef:
        ref = put(self, key, data)
        if key.startswith("check/"):
            raise ObjectExists("The object is there already", provider=self.name, key=key)
        return ref

    monkeypatch.setattr(type(here), "put_bytes", repeated)
    monkeypatch.setattr(There, "put_bytes", repeated)

    run = run_to(stores.there, kind=RunKind.PURGE)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 3})
    assert list(here.iter_locations("check/")) == []
