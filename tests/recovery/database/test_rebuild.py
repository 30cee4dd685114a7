"""The database lost, and made anew from the objects: people sign in, download and delete as before."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from documents.encryption.envelope import open_row
from documents.encryption.keyring import KeyRing
from documents.errors import RebuildRefused, SealOnlyKeyRing
from documents.models import Attachment, AuditEvent, Document, Vault
from documents.services.actors import Actor
from documents.services.attributes import set_attributes
from documents.services.collection import Wish, collect
from documents.services.digests import plaintext_digest
from documents.services.epochs import check_current, ensure_current
from documents.services.object_storage import ObjectStorageService
from documents.services.rebuild_report import RebuildReport
from documents.services.rebuilding import BEGUN, Rebuilding
from documents.services.recovery_keys import opening_ring
from documents.services.sidecars import keep_sidecar
from documents.services.verification import Looking, look_at
from documents.storage.base import StorageProvider
from documents.storage.policies import Policy
from tests.conftest import Store
from tests.encryption.keys import KEKS, ORIGIN_KEYS, upload_tier_ring
from tests.recovery.database.losing import lose_database
from tests.recovery.objects import Shelf, write_key

OPERATOR = Actor(None, "command")
pytestmark = pytest.mark.django_db


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """The configured ring, and the recovery key out of the safe."""
    return opening_ring([write_key(tmp_path, "recovery")], [])


@pytest.fixture
def rebuild(provider: StorageProvider, ring: KeyRing) -> Callable[..., RebuildReport]:
    def run(vault_id: UUID | None = None) -> RebuildReport:
        return Rebuilding([provider], ring, OPERATOR).rebuild(vault_id)

    return run


Rebuild = Callable[..., RebuildReport]


def contents(user: User) -> dict[UUID, bytes]:
    service = ObjectStorageService(user)
    return {
        document.pk: b"".join(bytes(piece) for piece in service.retrieve(document.pk))
        for document in Document.objects.filter(owner=user)
    }


def test_documents_of_several_people_are_there_again(store: Store, bob: User, rebuild: Rebuild) -> None:
    made = [store(b"first" * 99_999, filename="first.pdf"), store(b"second", filename="second.pdf", owner=bob)]
    before = {row.pk: row for row in Attachment.objects.all()}
    vault_id = Vault.current_id()
    lose_database()

    report = rebuild()

    assert (report.vault_id, dict(report.counts)) == (vault_id, {"added": 2})
    assert Vault.current_id() == vault_id
    found = {row.pk: row for row in Attachment.objects.select_related("document__owner")}
    assert found.keys() == before.keys()
    for pk, row in found.items():
        for name in (
            "storage_type",
            "storage_path",
            "filename",
            "content_type",
            "size",
            "sealed_size",
            "digest",
            "kek_id",
            "recipients",
        ):
            assert getattr(row, name) == getattr(before[pk], name), name
        for name in ("envelope_core", "key_block", "sealed_digest"):
            assert bytes(getattr(row, name)) == bytes(getattr(before[pk], name)), name
        assert row.document_id == before[pk].document_id
        assert abs(row.created_at - before[pk].created_at) < timedelta(seconds=5)
    assert {document.pk: document.owner and document.owner.username for document in Document.objects.all()} == {
        made[0].pk: "alice",
        made[1].pk: "bob",
    }
    assert sorted(Document.objects.values_list("title", flat=True)) == ["first", "second"]


def test_rebuilt_rows_pass_the_deep_verification(
    store: Store, rebuild: Rebuild, provider: StorageProvider, ring: KeyRing
) -> None:
    store(b"a payslip" * 99_999)
    lose_database()
    rebuild()
    row = Attachment.objects.get()
    looking = Looking(
        Vault.current_id(), [kek.kek_id for kek in ring.recipients], lambda _size: None, deep=True, ring=ring
    )
    assert look_at(row, provider, looking) == []
    assert plaintext_digest(row) == hashlib.sha256(b"a payslip" * 99_999).hexdigest()


def test_people_sign_in_after_changepassword_and_download_and_delete(
    store: Store, rebuild: Rebuild, provider: StorageProvider
) -> None:
    document = store(b"a payslip")
    lose_database()
    rebuild()
    client = Client()
    assert not client.login(username="alice", password="correct horse battery staple")
    alice = User.objects.get(username="alice")
    assert (alice.is_active, alice.has_usable_password(), alice.is_staff) == (True, False, False)
    alice.set_password("another long passphrase")
    alice.save()
    client.force_login(alice, backend="django.contrib.auth.backends.ModelBackend")
    row = Attachment.objects.get()
    answer = client.get(f"/documents/{document.pk}/content")
    assert answer.status_code == 200
    assert b"".join(answer) == b"a payslip"
    assert client.post(f"/documents/{document.pk}/delete").status_code in (200, 302)
    assert not Document.objects.exists()
    assert not provider.exists(row.storage_path)


def test_the_collector_takes_the_database_for_the_newest_and_removes_no_document(
    store: Store, rebuild: Rebuild, provider: StorageProvider
) -> None:
    store(b"a payslip")
    for _ in range(3):
        ensure_current(provider)
    lose_database()

    rebuild()

    assert check_current(provider).stored == 3
    [report] = [report for report in collect(Wish()) if report.store == provider.name]
    assert (report.error, report.unreferenced, report.sighted) == ("", 0, 0)


def test_versions_are_numbered_in_the_order_of_their_upload(
    shelf: Shelf, provider: StorageProvider, rebuild: Rebuild
) -> None:
    document_id = uuid4()
    signing = Shelf(shelf.root, replace(shelf.ring, origin_key=ORIGIN_KEYS["origin"]))
    keys = [
        signing.put(f"version {number}".encode(), document_id=document_id, filename=f"{number}.txt")
        for number in range(12)
    ]
    for key in sorted(keys, reverse=True):
        provider.put_bytes(key, signing.read(key))

    report = rebuild()

    assert report.counts["added"] == 12
    document = Document.objects.get()
    versions = document.attachments.order_by("version")
    assert [row.filename for row in versions] == [f"{number}.txt" for number in range(12)]
    assert [row.version for row in versions] == list(range(1, 13))
    assert document.created_at == versions[0].created_at


def test_a_newer_key_block_beside_the_object_is_the_rows(
    store: Store, rebuild: Rebuild, provider: StorageProvider, ring: KeyRing
) -> None:
    store(b"a payslip")
    row = Attachment.objects.get()
    newer = open_row(bytes(row.envelope_core), bytes(row.key_block), ring).rewrap(
        KeyRing(KEKS["stranger"], [KEKS["recovery"]])
    )
    keep_sidecar(provider, row.pk, newer)
    lose_database()

    rebuild()

    row = Attachment.objects.get()
    assert bytes(row.key_block) == newer
    assert row.kek_id == KEKS["stranger"].kek_id.hex()


def test_what_cannot_be_opened_gets_no_row_and_is_told(
    store: Store, rebuild: Rebuild, provider: StorageProvider
) -> None:
    store(b"sound")
    sound, damaged = (
        Attachment.objects.get().storage_path,
        "documents/user_1/2026/01/02/11111111-2222-4333-8444-555555555555.vlt",
    )
    provider.put_bytes(damaged, provider.get(sound)[:-1])
    provider.put_bytes("readme.txt", b"somebody else's")
    lose_database()

    report = rebuild()

    assert dict(report.counts) == {"added": 1, "failed": 1, "foreign": 1}
    [failure] = report.failures
    assert (failure.key, failure.answer) == (damaged, "AuthenticationFailed")
    assert Attachment.objects.get().storage_path == sound


def test_a_copy_makes_no_second_row(store: Store, rebuild: Rebuild, provider: StorageProvider) -> None:
    store(b"a payslip")
    key = Attachment.objects.get().storage_path
    provider.put_bytes(f"archive/{key}", provider.get(key))
    provider.put_bytes(f"trash/{key}", provider.get(key))
    lose_database()
    assert dict(rebuild().counts) == {"added": 1, "known": 1}


def test_payloads_and_files_of_apps_are_counted_and_left(
    store: Store, rebuild: Rebuild, alice: User, provider: StorageProvider
) -> None:
    document = store(b"a payslip")
    set_attributes(document.pk, {"long": "x" * 9_000}, owner=alice, actor=OPERATOR)
    lose_database()
    assert dict(rebuild().counts) == {"added": 1, "payloads and files of apps": 1}


def test_a_database_with_documents_is_refused(store: Store, rebuild: Rebuild) -> None:
    store(b"a payslip")
    with pytest.raises(RebuildRefused, match="recover --add-missing"):
        rebuild()


def test_a_mixture_of_vaults_is_refused_until_one_is_chosen(
    store: Store, rebuild: Rebuild, shelf: Shelf, provider: StorageProvider
) -> None:
    store(b"a payslip")
    ours = Vault.current_id()
    other = shelf.put(b"of another vault")
    provider.put_bytes(other, shelf.read(other))
    lose_database()

    with pytest.raises(RebuildRefused, match=r"of 2 vaults.*--vault-id"):
        rebuild()
    assert not Vault.objects.exists()
    report = rebuild(ours)
    assert dict(report.counts) == {"added": 1, "of other vaults": 1}


def test_an_empty_store_is_refused(rebuild: Rebuild) -> None:
    with pytest.raises(RebuildRefused, match="Are they the right ones"):
        rebuild()


def test_running_again_after_the_end_is_refused_and_before_it_goes_on(store: Store, rebuild: Rebuild) -> None:
    store(b"a payslip")
    lose_database()
    rebuild()
    AuditEvent.objects.filter(action="database.rebuilt").delete()
    assert AuditEvent.objects.filter(action=BEGUN).exists()
    assert dict(rebuild().counts) == {"known": 1}
    with pytest.raises(RebuildRefused):
        rebuild()


def test_public_keys_rebuild_nothing(provider: StorageProvider, store: Store) -> None:
    store(b"a payslip")
    lose_database()
    with pytest.raises(SealOnlyKeyRing):
        Rebuilding([provider], upload_tier_ring(), OPERATOR).rebuild()


def test_policies_of_retention_hold_again(store: Store, rebuild: Rebuild, settings: Settings) -> None:
    store(b"a payslip")
    lose_database()
    file = replace(
        settings.VAULT.storage_file,
        policies=(Policy("documents", store=settings.VAULT.storage_type, retention=timedelta(days=99)),),
    )
    settings.VAULT = replace(settings.VAULT, storage_file=file)
    rebuild()
    row = Attachment.objects.get()
    assert row.retain_until == row.created_at + timedelta(days=99)


def test_an_owner_that_no_account_can_have_makes_none(
    shelf: Shelf, provider: StorageProvider, rebuild: Rebuild
) -> None:
    for owner in ("", "a b", "x" * 200, "../root", "\u202ealice"):
        key = shelf.put(b"a payslip", owner=owner)
        provider.put_bytes(key, shelf.read(key))
    assert rebuild().counts["added"] == 5
    assert not User.objects.exists()
    assert set(Document.objects.values_list("owner", flat=True)) == {None}
