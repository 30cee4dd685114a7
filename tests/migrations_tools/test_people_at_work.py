"""People go on working while a run moves what they look at: nothing of theirs is lost, and nothing is left behind."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from documents.models import Attachment, Document, ObjectRemoval, Payload, StagedAttachment
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.attributes import attributes_of, set_attributes
from documents.services.deletion import delete_document, sweep_removals
from documents.services.staging import confirm_upload, sweep_uploads
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from migrations_tools.copying import CopyWork
from migrations_tools.models import MigrationItem
from migrations_tools.rows import switch_row
from migrations_tools.states import RunState
from migrations_tools.steps import Step
from migrations_tools.stretch import Stretch
from tests.conftest import Store
from tests.migrations_tools.moving import Stores, is_whole, outcomes, run_to

Happens = Callable[[], object]


def once(happens: Happens) -> Happens:
    """Something that happens at the first call alone."""
    left = [happens]
    return lambda: left and left.pop()()


def before_the_copies(monkeypatch: pytest.MonkeyPatch, happens: Happens) -> None:
    """Have something happen once a worker has read the rows of its items, and has read no object yet."""
    begin = CopyWork.begin

    def begun(self: CopyWork, token: UUID, items: Sequence[MigrationItem]) -> list[Step]:
        steps = list(begin(self, token, items))
        first()
        return steps

    first = once(happens)
    monkeypatch.setattr(CopyWork, "begin", begun)


def after_the_copies(monkeypatch: pytest.MonkeyPatch, happens: Happens) -> None:
    """Have something happen once copies are there, and no row is switched yet."""
    write = Stretch._write  # outside its transaction, where services can work

    def written(self: Stretch) -> None:
        if self.done:
            first()
        write(self)

    first = once(happens)
    monkeypatch.setattr(Stretch, "_write", written)


MOMENTS = [before_the_copies, after_the_copies]


def staged_by(owner: User, actor: Actor) -> StagedAttachment:
    with begin_upload(owner=owner, filename="a.pdf", content_type="", actor=actor) as upload:
        upload.write(b"abc")
        return upload.finish()


def objects_in(*stores: StorageProvider) -> list[str]:
    return [info.key for each in stores for info in each.iter_locations("documents/")]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_document_deleted_during_a_run_is_gone_everywhere_and_is_no_failure(
    stores: Stores,
    store: Store,
    alice: User,
    as_alice: Actor,
    monkeypatch: pytest.MonkeyPatch,
    here: StorageProvider,
    there: StorageProvider,
    moment: Callable[..., None],
) -> None:
    document, stays = store(b"goes"), store(b"stays").current_attachment()
    moment(monkeypatch, lambda: delete_document(document.pk, owner=alice, actor=as_alice))

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 1, "skipped:deleted": 1})
    sweep_removals()
    assert is_whole(stays)
    assert objects_in(there) == [stays.storage_path]
    assert objects_in(here) == [stays.storage_path]


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_upload_that_expires_during_a_run_is_gone_everywhere_and_is_no_failure(
    stores: Stores,
    alice: User,
    as_alice: Actor,
    monkeypatch: pytest.MonkeyPatch,
    here: StorageProvider,
    there: StorageProvider,
    moment: Callable[..., None],
) -> None:
    staged_by(alice, as_alice)

    def expire() -> None:
        StagedAttachment.objects.update(expires_at=database_now() - timedelta(seconds=1))
        assert sweep_uploads() == 1

    moment(monkeypatch, expire)

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"skipped:deleted": 1})
    sweep_removals()
    assert objects_in(here, there) == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_attributes_that_are_replaced_during_a_run_leave_no_payload(
    stores: Stores,
    store: Store,
    alice: User,
    as_alice: Actor,
    monkeypatch: pytest.MonkeyPatch,
    there: StorageProvider,
    moment: Callable[..., None],
) -> None:
    document = store()

    def note(letter: str) -> None:
        set_attributes(document.pk, {"notes": letter * 5000}, owner=alice, actor=as_alice)

    note("a")
    moment(monkeypatch, lambda: note("b"))

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.SUCCEEDED, {"done": 1, "skipped:deleted": 1})
    sweep_removals()
    assert list(there.iter_locations("payloads/")) == []
    document.refresh_from_db()
    assert attributes_of(document) == {"notes": "b" * 5000}


def test_what_is_uploaded_during_a_run_goes_where_uploads_go(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = store(b"earlier").current_attachment()
    after_the_copies(monkeypatch, lambda: store(b"later"))

    run = run_to(stores.there)

    later = Attachment.objects.exclude(pk=earlier.pk).get()
    assert outcomes(run) == {"done": 1}
    assert is_whole(earlier)
    assert is_whole(later)
    assert (earlier.storage_type, later.storage_type) == (stores.there, stores.here)


def is_blocked() -> bool:
    """Whether another connection waits for what this one has locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))")
        return bool(cursor.fetchone()[0])


def while_it_is_switched(row: Attachment | StagedAttachment | Payload, to: str, call: Happens) -> None:
    """Call from another thread while this one has switched a row, and has not committed yet."""

    def called() -> None:
        try:
            call()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert switch_row(row, storage_type=to, storage_path=row.storage_path)
            other: Future[None] = pool.submit(called)
            deadline = time.monotonic() + 20
            # On SQLite whoever writes waits before the first line of its transaction, and tells nobody.
            while connection.vendor == "postgresql" and not is_blocked() and time.monotonic() < deadline:
                time.sleep(0.01)
        other.result(30)


@pytest.mark.django_db(transaction=True)
def test_a_deletion_in_the_middle_of_a_switch_removes_the_copy(
    stores: Stores, store: Store, alice: User, as_alice: Actor, here: StorageProvider, there: StorageProvider
) -> None:
    document = store()
    set_attributes(document.pk, {"notes": "x" * 5000}, owner=alice, actor=as_alice)
    for row in (document.current_attachment(), Payload.objects.get()):
        there.put_bytes(row.storage_path, here.get(row.storage_path))
    switch_row(Payload.objects.get(), storage_type=stores.there, storage_path=Payload.objects.get().storage_path)

    while_it_is_switched(
        document.current_attachment(),
        stores.there,
        lambda: delete_document(document.pk, owner=alice, actor=as_alice),
    )

    assert not Document.objects.exists()
    assert list(there.iter_locations()) == []
    assert not ObjectRemoval.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_upload_confirmed_in_the_middle_of_a_switch_is_a_document_at_the_destination(
    stores: Stores, alice: User, as_alice: Actor, here: StorageProvider, there: StorageProvider
) -> None:
    staged = staged_by(alice, as_alice)
    there.put_bytes(staged.storage_path, here.get(staged.storage_path))

    while_it_is_switched(staged, stores.there, lambda: confirm_upload(staged.pk, owner=alice, actor=as_alice))

    row = Attachment.objects.get()
    assert row.storage_type == stores.there
    assert is_whole(row)
