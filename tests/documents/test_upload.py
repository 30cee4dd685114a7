"""Uploads: what an acknowledged one leaves, and what every other one does not."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django.fixtures import Settings

from documents.encryption.envelope import EnvelopeIds, open_header
from documents.errors import (
    ObjectExists,
    OpenOnlyKeyRing,
    StorageFull,
    StorageUnavailable,
    UploadGone,
    UploadTooLarge,
)
from documents.failpoints import FailpointReached
from documents.key_rings import key_ring
from documents.models import AuditEvent, StagedAttachment, Vault
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.downloads import Download
from documents.services.staging import confirm_upload, sweep_uploads
from documents.services.uploads import Upload, begin_upload
from documents.storage.base import StorageProvider
from documents.storage.memory import MemoryProvider
from documents.storage.streaming import object_checksum
from tests.encryption.keys import ring_holding

CHUNK = 256 * 1024

pytestmark = pytest.mark.django_db


def upload(owner: User, actor: Actor, *pieces: bytes, filename: str = "a.pdf") -> StagedAttachment:
    with begin_upload(owner=owner, filename=filename, content_type="application/pdf", actor=actor) as going:
        for piece in pieces:
            going.write(piece)
        return going.finish()


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 17])
def test_what_was_uploaded_comes_back_byte_for_byte(alice: User, as_alice: Actor, size: int) -> None:
    content = hashlib.shake_128(str(size).encode()).digest(size)
    staged = upload(alice, as_alice, content[: size // 3], content[size // 3 :])
    attachment = confirm_upload(staged.pk, owner=alice, title="", actor=as_alice).current_attachment()

    assert b"".join(bytes(piece) for piece in Download(attachment, as_alice, start=0, stop=size)) == content
    assert attachment.size == size


def test_the_row_says_where_the_object_is_and_what_is_in_it(
    alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    staged = upload(alice, as_alice, b"x" * 1000)

    assert staged.state == StagedAttachment.State.STAGED
    assert staged.storage_type == provider.name
    assert staged.storage_path == f"documents/user_{alice.pk}/{staged.created_at:%Y/%m/%d}/{staged.pk}.vlt"
    assert provider.head(staged.storage_path).size == staged.sealed_size
    assert object_checksum(provider, staged.storage_path) == f"sha256:{staged.digest}"
    ids = EnvelopeIds(Vault.current_id(), staged.document_id, staged.pk)
    envelope = open_header(provider.get(staged.storage_path), key_ring(), expected=ids)
    assert (envelope.metadata.filename, envelope.metadata.owner) == ("a.pdf", "alice")
    assert envelope.row.prefix_core == staged.envelope_core
    assert envelope.row.key_block == staged.key_block


def test_a_readable_object_name_is_harmless(alice: User, as_alice: Actor, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, object_names="readable")

    staged = upload(alice, as_alice, b"x", filename="../../Gehalt für Müller.pdf")

    assert staged.storage_path.endswith(f"/{staged.pk}_Gehalt_f_r_M_ller.pdf.vlt")


def test_a_document_of_the_system_has_no_user_in_its_key(as_alice: Actor, provider: StorageProvider, db: None) -> None:
    with begin_upload(owner=None, filename="a", content_type="", actor=Actor(None, "task")) as going:
        staged = going.finish()

    assert staged.storage_path.startswith("documents/system/")
    assert provider.exists(staged.storage_path)


def test_first_bytes_tell_a_type_that_the_client_did_not(alice: User, as_alice: Actor) -> None:
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as going:
        going.write(b"%PDF-1.7\n" + bytes(100))
        staged = going.finish()

    staged.refresh_from_db()
    assert staged.content_type == "application/pdf"


def test_one_byte_over_the_limit_is_refused_and_leaves_nothing(
    alice: User, as_alice: Actor, settings: Settings, provider: StorageProvider
) -> None:
    settings.VAULT = replace(settings.VAULT, max_upload_size=1000)

    with pytest.raises(UploadTooLarge, match="1,000 bytes"):
        upload(alice, as_alice, bytes(600), bytes(401))

    assert not StagedAttachment.objects.exists()
    assert not list(provider.iter_locations(f"documents/user_{alice.pk}/"))
    assert actions() == ["upload.failed"]
    assert upload(alice, as_alice, bytes(600), bytes(400)).size == 1000


def test_a_body_that_breaks_off_leaves_nothing(alice: User, as_alice: Actor, provider: StorageProvider) -> None:
    with (  # noqa: PT012  # the context manager between the two is what is tested
        pytest.raises(ConnectionResetError),
        begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as going,
    ):
        going.write(bytes(CHUNK * 2))
        raise ConnectionResetError

    assert not StagedAttachment.objects.exists()
    assert not list(provider.iter_locations(f"documents/user_{alice.pk}/"))
    assert AuditEvent.objects.get().detail == {"reason": "ConnectionResetError"}


class Failing(MemoryProvider):
    """A store that fails where it is told to; everything else is the real in-memory provider."""

    def __init__(self, at: str, error: Exception) -> None:
        super().__init__(name="memory")
        self.at, self.error = at, error

    def head(self, key: str):  # type: ignore[no-untyped-def]  # as the provider's
        if self.at == "head":
            raise self.error
        return super().head(key)

    def put_bytes(self, key: str, data):  # type: ignore[no-untyped-def]  # as the provider's
        if self.at == "before":
            raise self.error
        ref = super().put_bytes(key, data)
        if self.at == "after":
            raise self.error
        return ref


def upload_into(store: StorageProvider, owner: User, actor: Actor, monkeypatch: pytest.MonkeyPatch) -> Upload:
    monkeypatch.setattr("documents.services.uploads.storage_provider", lambda *_: store)
    monkeypatch.setattr("documents.services.staging.storage_provider", lambda *_: store)
    return begin_upload(owner=owner, filename="a", content_type="", actor=actor)


@pytest.mark.parametrize("at", ["before", "after", "head"])
@pytest.mark.parametrize("error", [StorageFull("full"), StorageUnavailable("gone")])
def test_a_store_that_fails_ends_in_its_error_and_nothing_is_left(
    alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch, at: str, error: Exception
) -> None:
    store = Failing(at, error)
    going = upload_into(store, alice, as_alice, monkeypatch)
    going.write(b"abc")

    with pytest.raises(type(error)):
        going.finish()

    assert not list(store.iter_locations())
    assert not StagedAttachment.objects.exclude(state=StagedAttachment.State.DISCARDED).exists()
    assert actions() == ["upload.failed"]


class LostAnswer(MemoryProvider):
    """Stores, and then says that the key is taken: what a repeated put sees whose first answer was lost."""

    def __init__(self, *, swap: bytes = b"") -> None:
        super().__init__(name="memory")
        self.swap = swap

    def put_bytes(self, key: str, data):  # type: ignore[no-untyped-def]  # as the provider's
        ref = super().put_bytes(key, self.swap or bytes(data))
        error = ObjectExists("taken", provider="memory", key=key)
        error.checksum = f"sha256:{hashlib.sha256(bytes(data)).hexdigest()}"
        assert ref.key == key
        raise error


def test_a_lost_answer_is_recognised_by_the_digest(
    alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = upload_into(LostAnswer(), alice, as_alice, monkeypatch)
    going.write(b"abc")

    assert going.finish().state == StagedAttachment.State.STAGED


def test_somebody_elses_object_at_the_key_is_never_taken_for_ours(
    alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LostAnswer(swap=b"not ours")
    going = upload_into(store, alice, as_alice, monkeypatch)
    going.write(b"abc")

    with pytest.raises(ObjectExists):
        going.finish()

    assert store.get(going.staged.storage_path) == b"not ours", "and it is not ours to delete"


def test_an_upload_whose_lease_was_taken_is_not_acknowledged(
    alice: User, as_alice: Actor, provider: StorageProvider
) -> None:
    going = begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
    going.write(b"abc")
    StagedAttachment.objects.update(expires_at=database_now() - timedelta(seconds=1))
    assert sweep_uploads() == 1

    with pytest.raises(UploadGone):
        going.finish()

    assert not provider.exists(going.staged.storage_path)
    assert StagedAttachment.objects.get().state == StagedAttachment.State.DISCARDED


def test_a_long_upload_renews_its_lease(alice: User, as_alice: Actor, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, upload_lease=timedelta(milliseconds=3))
    going = begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
    first = StagedAttachment.objects.get().expires_at

    for _ in range(20):
        going.write(bytes(CHUNK))

    assert StagedAttachment.objects.get().expires_at > first
    going.abort()


def test_abort_may_be_called_again_and_after_finish(alice: User, as_alice: Actor) -> None:
    going = begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
    staged = going.finish()
    going.abort()
    going.abort()

    assert StagedAttachment.objects.get(pk=staged.pk).state == StagedAttachment.State.STAGED


def test_a_server_that_cannot_sign_takes_nothing_in(
    alice: User, as_alice: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = ring_holding("primary", origin_keys=("origin",))
    monkeypatch.setattr("documents.services.uploads.key_ring", lambda: ring)

    with pytest.raises(OpenOnlyKeyRing):
        begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
    assert not StagedAttachment.objects.exists()


def test_an_object_that_became_a_documents_is_never_undone(
    alice: User, as_alice: Actor, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the commit is lost, and another tab confirms: the failing upload must not delete the object."""
    going = begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
    going.write(b"abc")
    stage = going._stage

    def lose_the_answer(*arguments: object) -> None:
        stage(*arguments)  # type: ignore[arg-type]  # as it was called
        confirm_upload(going.staged.pk, owner=alice, title="", actor=as_alice)
        raise ConnectionError("the answer to COMMIT was lost")

    monkeypatch.setattr(going, "_stage", lose_the_answer)
    with pytest.raises(ConnectionError):
        going.finish()

    assert provider.exists(going.staged.storage_path)


def test_nothing_undoes_an_upload_once_it_is_staged(
    alice: User, as_alice: Actor, provider: StorageProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    going = begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
    monkeypatch.setenv("VAULT_FAILPOINT", "upload.row-staged:raise")

    with pytest.raises(FailpointReached):
        going.finish()
    going.abort()

    assert StagedAttachment.objects.get().state == StagedAttachment.State.STAGED
    assert provider.exists(going.staged.storage_path)


@pytest.mark.django_db(transaction=True)
def test_a_slow_client_holds_no_database_connection(alice: User, as_alice: Actor) -> None:
    going = begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
    going.write(b"slowly")

    assert connection.connection is None
    going.finish()
