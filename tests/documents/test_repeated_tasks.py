"""Tasks delivered twice, again later, or ten at once: one end state, and not one audit row more."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Barrier, local
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db.models import Model
from pytest_django.fixtures import Settings

from documents import tasks
from documents.models import Attachment, AuditEvent, Document, Link, ObjectRemoval, Payload, Sighting, StagedAttachment
from documents.models.clock import database_now
from documents.services import collection, deletion, payload_sweeping, staging
from documents.services.actors import Actor
from documents.services.downloads import Download
from documents.services.payloads import dehydrate
from documents.services.unfinished import sweep_unfinished
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from tests.documents.killed_writers import begin_and_die, grow_older, unfinished
from tests.parallel import in_parallel
from vault.celery import app

TABLES: tuple[type[Model], ...] = (
    Document, Attachment, Payload, Link, StagedAttachment, ObjectRemoval, AuditEvent, Session, Sighting
)  # fmt: skip
REMOVALS, UPLOADS, PAYLOADS, KILLED, GARBAGE = 12, 4, 3, 5, 6
# Well above the second that S3 dates an upload by, and what ten sweepers at once wait for one another.
LEASE = timedelta(seconds=3)
Call = Callable[[], object]
CALLS: dict[str, Call] = {
    "service collect_garbage": collection.collect,
    "service sweep_payloads": payload_sweeping.sweep_payloads,
    "service sweep_removals": deletion.sweep_removals,
    "service sweep_unfinished": sweep_unfinished,
    "service sweep_uploads": staging.sweep_uploads,
    **{f"task {name}": task.delay for name, task in sorted(app.tasks.items()) if name.startswith("documents.tasks.")},
}
# For how long the sessions of the test have been over, or are still good.
AN_HOUR = timedelta(hours=1)


@dataclass
class Vault:
    """A vault in which every task has something to do, and something that it must leave alone."""

    provider: StorageProvider
    prefix: str
    keys: dict[str, list[str]]

    def state(self) -> dict[str, object]:
        """Every row of every table, which of the objects are there, and what was begun and not ended."""
        rows = {model.__name__: list(model._default_manager.order_by("pk").values()) for model in TABLES}
        objects = {key: self.provider.exists(key) for keys in self.keys.values() for key in keys}
        return {**rows, "objects": objects, "unfinished": unfinished(self.provider, self.prefix)}

    def still_there(self, kind: str) -> int:
        return sum(self.provider.exists(key) for key in self.keys[kind])


@pytest.fixture
def vault(
    settings: Settings, store: Callable[..., Document], alice: User, as_alice: Actor, provider: StorageProvider
) -> Iterator[Vault]:
    no_wait = replace(settings.VAULT.collection, grace=timedelta())
    settings.VAULT = replace(settings.VAULT, upload_lease=LEASE, collection=no_wait)
    made = Vault(provider, f"documents/user_{alice.pk}", {})
    made.keys["documents"] = [store(b"stays").current_attachment().storage_path for _ in range(2)]
    made.keys["removals"] = [_waiting_removal(provider, made.prefix) for _ in range(REMOVALS)]
    made.keys["garbage"] = [_seen_before(provider, made.prefix) for _ in range(GARBAGE)]
    made.keys["payloads"] = [_payload_seen_unheld(alice) for _ in range(PAYLOADS)]
    made.keys["uploads"] = [_expired_upload(alice, as_alice) for _ in range(UPLOADS)]
    for days in (-1, 1):
        Session.objects.create(session_key=uuid4().hex, expire_date=database_now() + days * AN_HOUR)
    with ExitStack() as processes:
        for number in range(KILLED):
            begin_and_die(provider, f"{made.prefix}/{number}.vlt", processes)
        grow_older(provider, made.prefix, lease=LEASE)
        living = begin_upload(owner=alice, filename="b", content_type="", actor=as_alice)
        StagedAttachment.objects.filter(pk=living.staged.pk).update(expires_at=database_now() + AN_HOUR)
        begin_and_die(provider, f"{made.prefix}/living.vlt", processes)
        yield made


def _waiting_removal(provider: StorageProvider, prefix: str) -> str:
    note = ObjectRemoval(storage_type=provider.name, storage_path=f"{prefix}/{uuid4()}.vlt", attachment_id=uuid4())
    provider.put_bytes(note.storage_path, b"of a deleted document")
    note.save()
    return note.storage_path


def _seen_before(provider: StorageProvider, prefix: str) -> str:
    """An object that no row needs, at whose second look it is old enough."""
    key = f"{prefix}/2026/01/02/{uuid4()}.vlt"
    provider.put_bytes(key, b"left over")
    info = provider.head(key)
    seen = Sighting(storage_type=provider.name, storage_path=key, size=info.size, etag=info.etag)
    seen.first_seen_at = database_now() - LEASE
    seen.save()
    return key


def _payload_seen_unheld(owner: User) -> str:
    reference = dehydrate("x" * 5000, attribution="tests", owner=owner)["$vault:payload"]
    earlier = database_now() - LEASE
    Payload.objects.filter(pk=reference["id"]).update(due_at=earlier, unheld_since=earlier)
    return str(reference["key"])


def _expired_upload(owner: User, actor: Actor) -> str:
    with begin_upload(owner=owner, filename="a", content_type="", actor=actor) as upload:
        staged = upload.finish()
    StagedAttachment.objects.filter(pk=staged.pk).update(expires_at=database_now() - LEASE)
    return staged.storage_path


def assert_swept(vault: Vault, call: str) -> None:
    """What this call is for is done, and nothing else."""
    done = {"removals": 0, "uploads": 0, "payloads": 0, "unfinished": 0, "sessions": 0, "garbage": 0}
    done |= {kind: 1 for kind in done if kind in call}
    assert vault.still_there("documents") == 2
    assert vault.still_there("removals") == ObjectRemoval.objects.count() == REMOVALS * (not done["removals"])
    assert vault.still_there("garbage") == GARBAGE * (not done["garbage"])
    assert vault.still_there("uploads") == UPLOADS * (not done["uploads"])
    assert vault.still_there("payloads") == Payload.objects.count() == PAYLOADS * (not done["payloads"])
    assert len(unfinished(vault.provider, vault.prefix)) == 1 + KILLED * (not done["unfinished"])
    assert Session.objects.count() == 1 + (not done["sessions"])
    assert AuditEvent.objects.filter(action="upload.expired").count() == UPLOADS * done["uploads"]
    collected = AuditEvent.objects.filter(action="objects.collected").values_list("detail", flat=True)
    assert sum(detail["trashed"] for detail in collected) == GARBAGE * done["garbage"]
    assert AuditEvent.objects.filter(action="payload.removed").count() == PAYLOADS * done["payloads"]
    assert StagedAttachment.objects.filter(state=StagedAttachment.State.RECEIVING).count() == 1


def test_every_task_of_the_vault_is_repeated_here() -> None:
    assert {name for name in CALLS if name.startswith("task ")} == {
        f"task documents.tasks.{name}" for name in dir(tasks) if name.startswith(("sweep_", "clear_", "collect_"))
    }
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)


@pytest.mark.parametrize("call", CALLS)
def test_a_second_and_a_late_run_change_nothing(call: str, vault: Vault) -> None:
    before = vault.state()
    CALLS[call]()
    after_one = vault.state()
    assert after_one != before, "the first run had something to do"
    for _ in range(3):
        CALLS[call]()

    assert vault.state() == after_one
    assert_swept(vault, call)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("call", CALLS)
def test_ten_at_once_end_where_one_ends(call: str, vault: Vault, as_alice: Actor) -> None:
    in_parallel(CALLS[call])

    assert_swept(vault, call)
    ended = vault.state()
    CALLS[call]()
    assert vault.state() == ended
    for attachment in Attachment.objects.all():
        content = Download(attachment, as_alice, start=0, stop=attachment.size)
        assert b"".join(bytes(piece) for piece in content) == b"stays"


@pytest.mark.django_db(transaction=True)
def test_ten_that_read_the_same_list_remove_each_object_once(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    everybody_has_read, removing, delete = Barrier(10), local(), type(vault.provider).delete

    def delete_after_all_have_read(provider: StorageProvider, key: str) -> None:
        if not hasattr(removing, "begun"):
            removing.begun = everybody_has_read.wait(30)
        delete(provider, key)

    monkeypatch.setattr(type(vault.provider), "delete", delete_after_all_have_read)

    assert in_parallel(deletion.sweep_removals) == [REMOVALS] * 10
    assert_swept(vault, "removals")


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_count_every_attempt_at_a_store_that_is_not_there(db: None) -> None:
    note = ObjectRemoval.objects.create(storage_type="elsewhere", storage_path="documents/a", attachment_id=uuid4())

    assert sum(in_parallel(deletion.sweep_removals)) == 0

    note.refresh_from_db()
    assert (note.attempts, note.last_error) == (10, "configuration-error")
    assert not AuditEvent.objects.exists()


def test_a_task_that_did_more_the_second_time_would_be_seen(vault: Vault, as_alice: Actor) -> None:
    """The comparison of states goes red for a row, a count, an object and a part."""
    seen = [vault.state()]
    AuditEvent.objects.create(action="upload.expired", actor=as_alice.user, via="task", detail={})
    seen.append(vault.state())
    ObjectRemoval.objects.update(attempts=1)
    seen.append(vault.state())
    vault.provider.delete(vault.keys["documents"][0])
    seen.append(vault.state())
    with ExitStack() as process:
        begin_and_die(vault.provider, f"{vault.prefix}/more.vlt", process)
        seen.append(vault.state())

    assert all(earlier != later for number, earlier in enumerate(seen) for later in seen[number + 1 :])
