"""The store's own word: what it holds is asked before an upload is acknowledged, and a living one keeps its parts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User

from documents.errors import IntegrityMismatch, StorageError
from documents.models import AuditEvent, Document, StagedAttachment
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.downloads import Download
from documents.services.staging import confirm_upload, sweep_uploads
from documents.services.unfinished import sweep_unfinished
from documents.services.uploads import Upload, begin_upload
from documents.storage.base import Buffer, ObjectInfo, ObjectRef, ObjectWriter, StorageProvider
from documents.storage.capabilities import UnfinishedWrites
from documents.storage.local import LocalProvider
from documents.storage.memory import MemoryProvider
from documents.storage.multipart import BufferedMultipartWriter
from documents.wiring import vault_config
from tests.documents.killed_writers import grow_older, unfinished

State = StagedAttachment.State
CONTENT = b"a payslip" * 1000


class Lying(MemoryProvider):
    """Says of every object that it has ``more`` bytes than it has."""

    def __init__(self, more: int) -> None:
        super().__init__(name="memory")
        self.more = more

    def head(self, key: str) -> ObjectInfo:
        info = super().head(key)
        return replace(info, size=info.size + self.more)


class Losing(MemoryProvider):
    """Keeps all but the last ``lost`` bytes, and says that it has kept everything."""

    def __init__(self, lost: int) -> None:
        super().__init__(name="memory")
        self.lost = lost

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        told = MemoryProvider().put_bytes(key, data)
        super().put_bytes(key, bytes(data)[: -self.lost])
        return told


class InParts(MemoryProvider):
    """Every object goes up in parts of a few bytes."""

    def __init__(self) -> None:
        super().__init__(name="memory", min_part_size=1000)

    def open_writer(self, key: str) -> ObjectWriter:
        return BufferedMultipartWriter(self, key, part_size=1000)


@pytest.fixture
def begin(alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch) -> Callable[[StorageProvider], Upload]:
    """Begin an upload into this store, and give it all of the content."""

    def make(store: StorageProvider) -> Upload:
        for name in ("uploads.storage_provider", "staging.storage_provider", "object_reading.readable_provider"):
            monkeypatch.setattr(f"documents.services.{name}", lambda *_: store)
        monkeypatch.setattr("documents.services.unfinished.configured_providers", lambda: [store])
        upload = begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
        upload.write(CONTENT)
        return upload

    return make


def events() -> list[tuple[str, dict[str, object]]]:
    return list(AuditEvent.objects.order_by("id").values_list("action", "detail"))


STORES = [Lying(1), Lying(-1), Lying(-4096 - len(CONTENT)), Losing(1), Losing(len(CONTENT))]


@pytest.mark.parametrize("store", STORES, ids=["longer", "shorter", "empty", "lost a byte", "lost the body"])
def test_a_store_that_holds_another_size_gets_nothing_acknowledged(
    begin: Callable[[StorageProvider], Upload], store: MemoryProvider
) -> None:
    upload = begin(store)

    with pytest.raises(IntegrityMismatch):
        upload.finish()

    assert list(store.iter_locations()) == []
    assert events() == [("upload.failed", {"reason": "integrity-mismatch"})]
    assert list(StagedAttachment.objects.values_list("state", flat=True)) == [State.DISCARDED]
    StagedAttachment.objects.update(expires_at=database_now() - timedelta(seconds=1))
    sweep_uploads()
    assert not StagedAttachment.objects.exists()
    assert not Document.objects.exists()


def test_without_the_question_a_lost_byte_is_acknowledged(
    begin: Callable[[StorageProvider], Upload], monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = begin(Losing(1))
    monkeypatch.setattr(Upload, "_check_size", lambda *_: None)

    assert upload.finish().state == State.STAGED


def begun_long_ago(upload: Upload, store: StorageProvider, *, renewed: bool) -> timedelta:
    """Let the upload have begun two hours ago, and its lease be renewed or over. Returns the lease."""
    lease = vault_config().upload_lease
    grow_older(store, "", lease=timedelta())
    StagedAttachment.objects.filter(pk=upload.staged.pk).update(
        created_at=database_now() - timedelta(hours=2),
        expires_at=database_now() + (lease if renewed else -timedelta(seconds=1)),
    )
    return lease


@pytest.fixture(params=["parts in memory", "files on disk"])
def old_upload(
    request: pytest.FixtureRequest, begin: Callable[[StorageProvider], Upload], tmp_path: Path
) -> tuple[Upload, StorageProvider]:
    """An upload of which something has been in the store for an hour."""
    store: StorageProvider = InParts() if "memory" in request.param else LocalProvider(tmp_path / "old")
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1), tick=True):
        upload = begin(store)
    assert len(unfinished(store, "")) == 1
    return upload, store


def test_the_parts_of_an_upload_that_lives_are_spared_however_old_they_are(
    old_upload: tuple[Upload, StorageProvider], alice: User, as_alice: Actor
) -> None:
    upload, store = old_upload
    begun_long_ago(upload, store, renewed=True)

    assert sweep_unfinished() == 0

    staged = upload.finish()
    attachment = confirm_upload(staged.pk, owner=alice, actor=as_alice).current_attachment()
    pieces = Download(attachment, as_alice, start=0, stop=attachment.size)
    assert b"".join(bytes(piece) for piece in pieces) == CONTENT


def test_an_upload_whose_lease_is_over_loses_its_parts_and_is_not_acknowledged(
    old_upload: tuple[Upload, StorageProvider],
) -> None:
    upload, store = old_upload
    begun_long_ago(upload, store, renewed=False)

    assert sweep_unfinished() == 1

    assert unfinished(store, "") == set()
    with pytest.raises(StorageError):
        upload.finish()
    assert list(store.iter_locations()) == []
    assert not StagedAttachment.objects.filter(state=State.STAGED).exists()


def test_with_the_lease_alone_for_a_limit_a_living_upload_would_lose_its_parts(
    old_upload: tuple[Upload, StorageProvider],
) -> None:
    upload, store = old_upload
    lease = begun_long_ago(upload, store, renewed=True)
    assert isinstance(store, UnfinishedWrites)

    assert store.remove_unfinished(older_than=lease) == 1

    with pytest.raises(StorageError):
        upload.finish()
