"""How much room a run needs and whether there is so much: what was kept there needs none."""

import io

import pytest
from django.contrib.auth.models import User

from documents.errors import StorageUnavailable
from documents.models import Attachment
from documents.services.actors import Actor
from documents.services.uploads import begin_upload
from documents.storage.local import LocalProvider
from migrations_tools import control
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.states import RunState, SourceState
from tests.conftest import Store
from tests.migrations_tools.commanding import dry_run, dry_run_json, migrate
from tests.migrations_tools.moving import OPERATOR, Stores, There, run_to


def test_the_room_at_the_destination_is_told_and_too_little_is_a_refusal(disk: str, store: Store) -> None:
    row = store().current_attachment()
    status, plan = dry_run_json(disk)
    assert status == 0
    assert plan["free_bytes"] > row.sealed_size
    Attachment.objects.filter(pk=row.pk).update(sealed_size=2**62)

    status, told = dry_run(disk)

    assert status == 1
    assert f"bytes for {2**62:,}: TOO LITTLE" in told


def test_what_was_kept_at_the_destination_is_compared_and_needs_no_room(
    stores: Stores, disk: str, store: Store
) -> None:
    rows = [store(f"{number}".encode()).current_attachment() for number in range(3)]
    size = sum(row.sealed_size for row in rows)
    run_to(disk)
    run_to(stores.there)
    new = store(b"made since").current_attachment()

    status, plan = dry_run_json(disk)

    assert status == 0
    assert plan["total"] == {"objects": 4, "size": size + new.sealed_size}
    assert plan["kept_there"] == {"objects": 3, "size": size}
    assert plan["needed_bytes"] == new.sealed_size
    assert f"kept there by an earlier run, compared and not written: 3 objects, {size:,} bytes" in dry_run(disk)[1]
    MigrationItem.objects.filter(source_type=disk).update(source_state=SourceState.PURGED)
    plan = dry_run_json(disk)[1]
    assert (plan["kept_there"]["objects"], plan["needed_bytes"]) == (0, size + new.sealed_size)


def test_a_way_back_that_was_begun_before_writes_another_key_and_needs_room(
    stores: Stores, disk: str, store: Store
) -> None:
    row = store(b"there and not back").current_attachment()
    run_to(disk)
    run_to(stores.there)
    assert dry_run_json(disk)[1]["needed_bytes"] == 0
    failed = MigrationRun.objects.create(destination=disk, state=RunState.FAILED)
    MigrationItem.objects.create(
        run=failed, object_id=row.pk, source_type=stores.there, source_path=row.storage_path,
        destination_path=row.storage_path, size=row.sealed_size, digest=row.digest, state="failed", attempts=1,
    )  # fmt: skip

    assert dry_run_json(disk)[1]["needed_bytes"] == row.sealed_size
    run = run_to(disk)
    assert run.items.get().destination_path != row.storage_path


@pytest.mark.parametrize("limit", [1, 2, 4, 9])
def test_a_limit_is_counted_in_as_the_run_takes_it(
    stores: Stores, store: Store, alice: User, as_alice: Actor, limit: int
) -> None:
    with begin_upload(owner=alice, filename="a.pdf", content_type="", actor=as_alice) as upload:
        upload.write(b"waits to be confirmed")
        upload.finish()
    for number in range(3):
        store(bytes(1000 * number))
    gone = Attachment.objects.order_by("pk")[0]
    Attachment.objects.filter(pk=gone.pk).update(storage_type="gone")

    status, plan = dry_run_json(stores.there, "--limit", str(limit))
    run = run_to(stores.there, max_items=limit)

    assert (status, plan["limit"]) == (0, limit)
    done = run.items.filter(state="done")
    assert plan["total"]["objects"] == done.count() == min(limit, 4) - (1 if limit > 1 else 0)
    assert plan["total"]["size"] == sum(item.size for item in done)
    assert sum(plan["refused"].values()) == run.items.filter(state="failed").count() == (1 if limit > 1 else 0)


def test_a_destination_that_does_not_tell_its_room_for_once_is_told_as_what_it_is(
    disk: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()

    def refuse(provider: LocalProvider, *_more: object) -> None:
        raise StorageUnavailable("The disk is away", provider=provider.name)

    for name in ("free_bytes", "open_writer"):
        monkeypatch.setattr(LocalProvider, name, refuse)

    status, plan = dry_run_json(disk)

    assert (status, plan["free_bytes"], plan["total"]["objects"]) == (1, None, 1)
    assert "The disk is away" in plan["destination_problem"]


@pytest.mark.parametrize("answered", ["", "yes\n"])
def test_a_run_without_the_room_for_it_asks_and_without_the_word_does_not_begin(
    disk: str, store: Store, monkeypatch: pytest.MonkeyPatch, answered: str
) -> None:
    row = store().current_attachment()
    monkeypatch.setattr(LocalProvider, "free_bytes", lambda _provider: row.sealed_size - 1)
    monkeypatch.setattr("sys.stdin", io.StringIO(answered))

    answer = migrate(disk)

    assert (answer.status, answer.said) == (2, "Not confirmed; nothing was changed.")
    assert f"'disk' has room for {row.sealed_size - 1:,} bytes, and {row.sealed_size:,} are to be copied." in answer.err
    assert not MigrationRun.objects.exists()


@pytest.mark.parametrize("confirmed", [(), ("--no-input",)])
def test_a_run_without_the_room_for_it_begins_once_that_was_confirmed(
    disk: str, store: Store, monkeypatch: pytest.MonkeyPatch, confirmed: tuple[str, ...]
) -> None:
    store()
    monkeypatch.setattr(LocalProvider, "free_bytes", lambda _provider: 1)
    monkeypatch.setattr("sys.stdin", io.StringIO("" if confirmed else "begin\n"))

    answer = migrate(disk, *confirmed)

    assert (answer.status, "has room for 1 bytes" in answer.err) == (0, True)
    assert Attachment.objects.get().storage_type == disk


def test_a_run_with_the_room_for_it_asks_nothing(disk: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    row = store().current_attachment()
    monkeypatch.setattr(LocalProvider, "free_bytes", lambda _provider: row.sealed_size)

    answer = migrate(disk)

    assert (answer.status, "room" in answer.err) == (0, False)


def test_a_store_that_does_not_answer_ends_the_command_before_a_run_is_made(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    standing = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.interrupt(standing)
    count = MigrationRun.objects.count()

    def refuse(provider: There, key: str) -> None:
        raise StorageUnavailable("Out of reach", provider=provider.name, key=key)

    monkeypatch.setattr(There, "exists", refuse)

    for arguments in ((stores.there,), (stores.there, "--verify"), ("--resume", str(standing.pk))):
        answer = migrate(*arguments)
        assert (answer.status, answer.out) == (1, "")
        assert answer.said.startswith("Out of reach")
    standing.refresh_from_db()
    assert (standing.state, MigrationRun.objects.count()) == (RunState.INTERRUPTED, count)
