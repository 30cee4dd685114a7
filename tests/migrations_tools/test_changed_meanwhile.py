"""What changes between the copy and the switch: deleted, confirmed, rewrapped, out of reach."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from documents.errors import ConfigurationError
from documents.models import Attachment, Document
from documents.services.actors import Actor
from documents.services.deletion import sweep_removals
from documents.services.staging import confirm_upload
from documents.services.uploads import begin_upload
from documents.storage.base import ObjectRef, StorageProvider
from migrations_tools import attempts, control, runner
from migrations_tools.copying import CopyWork
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.places import Places
from migrations_tools.plan import complete_plan
from migrations_tools.states import ItemState, RunKind, RunState, SourceState
from migrations_tools.steps import Step
from tests.migrations_tools.moving import OPERATOR, Stores, There, is_whole, item_of, outcomes, run_to

Store = Callable[..., Document]


def attachment_of(document: Document) -> Attachment:
    return document.current_attachment()


def during_the_copy(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have something happen once a copy is there and its row is not switched yet."""
    put = There.put_stream

    def then(self: There, key: str, chunks: object) -> ObjectRef:
        ref = put(self, key, chunks)  # type: ignore[arg-type]
        happened.append(key)
        return ref

    happened: list[str] = []
    settle = CopyWork.settle

    def before(self: CopyWork, token: object, steps: object) -> list[Step]:
        if happened:
            happened.clear()
            happens()
        return settle(self, token, steps)  # type: ignore[arg-type]

    monkeypatch.setattr(There, "put_stream", then)
    monkeypatch.setattr(CopyWork, "settle", before)


def test_a_document_that_is_deleted_meanwhile_leaves_nothing(
    stores: Stores,
    store: Store,
    alice: User,
    as_alice: Actor,
    monkeypatch: pytest.MonkeyPatch,
    here: StorageProvider,
    there: StorageProvider,
) -> None:
    document = store()
    row = attachment_of(document)
    # Its rows go by hand: the service would not run inside the runner's transaction.
    during_the_copy(monkeypatch, lambda: Document.objects.filter(pk=document.pk).delete())

    run = run_to(stores.there)

    assert outcomes(run) == {"skipped:deleted": 1}
    assert sweep_removals() == 1
    assert not there.exists(row.storage_path)


def test_an_upload_that_is_confirmed_meanwhile_is_moved_as_a_document(
    stores: Stores, alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with begin_upload(owner=alice, filename="a.pdf", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        staged = upload.finish()
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    complete_plan(run)
    confirm_upload(staged.pk, owner=alice, actor=as_alice)

    runner.work_on(run.pk)

    assert outcomes(run) == {"done": 1}
    assert is_whole(Attachment.objects.get())
    assert Attachment.objects.get().storage_type == stores.there


def test_a_row_that_is_rewrapped_meanwhile_is_looked_at_again(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch, here: StorageProvider, there: StorageProvider
) -> None:
    row = attachment_of(store())
    sidecar = f"keyblocks/{row.pk}.1"

    def rewrap() -> None:
        here.put_bytes(sidecar, b"a newer key block")
        Attachment.objects.filter(pk=row.pk).update(key_block=b"a newer key block")

    during_the_copy(monkeypatch, rewrap)

    run = run_to(stores.there)

    assert outcomes(run) == {"done": 1}
    assert there.get(sidecar) == b"a newer key block"


def test_a_store_that_is_not_configured_is_told_for_each_row(stores: Stores, store: Store) -> None:
    row = attachment_of(store())
    Attachment.objects.filter(pk=row.pk).update(storage_type="gone")

    run = run_to(stores.there)

    assert (run.state, outcomes(run)) == (RunState.FAILED, {"failed:store-not-configured": 1})
    assert not MigrationItem.objects.filter(holds_row=True).exists()
    assert item_of(run, row).state == ItemState.FAILED
    assert item_of(run, row).source_state == SourceState.NONE


def test_what_was_kept_in_a_store_that_is_no_more_is_told_and_the_rest_is_purged(
    stores: Stores, store: Store, here: StorageProvider
) -> None:
    rows = [attachment_of(store(body)) for body in (b"first", b"second")]
    run_to(stores.there)
    MigrationItem.objects.filter(object_id=rows[0].pk).update(source_type="gone")

    purged = run_to(stores.there, kind=RunKind.PURGE)

    assert (purged.state, outcomes(purged)) == (RunState.FAILED, {"done": 1, "failed:store-not-configured": 1})
    assert [info.key for info in here.iter_locations("documents/")] == [rows[0].storage_path]
    assert not MigrationItem.objects.filter(holds_row=True).exists()


def test_a_worker_that_lacks_a_store_puts_its_items_off_for_others(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", timedelta(0))
    rows, lacks = [attachment_of(store(body)) for body in (b"first", b"second")], [True, True, True]
    provider = Places.provider

    def unconfigured(places: Places, storage_type: str) -> StorageProvider:
        if storage_type == stores.here and lacks:
            lacks.pop()
            raise ConfigurationError("S3_BUCKET is missing")
        return provider(places, storage_type)

    monkeypatch.setattr(Places, "provider", unconfigured)

    run = run_to(stores.there)

    assert (run.state, outcomes(run), lacks) == (RunState.SUCCEEDED, {"done": 2}, [])
    assert all(is_whole(row) for row in rows)


def test_a_store_that_nobody_has_any_more_is_told_in_the_end(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LONGEST_PAUSE", timedelta(0))
    store()
    run_to(stores.there)

    def unconfigured(*_arguments: object) -> bool:
        raise ConfigurationError("S3_BUCKET is missing")

    monkeypatch.setattr(Places, "are_one", unconfigured)

    purged = run_to(stores.there, kind=RunKind.PURGE)

    assert (purged.state, outcomes(purged)) == (RunState.FAILED, {"failed:store-not-configured": 1})
    assert purged.items.get().refusals == attempts.MOST_ATTEMPTS - 1
