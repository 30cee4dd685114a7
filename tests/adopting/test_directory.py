"""Documents of a directory become documents of the vault, with owner, date and name; the directory stays as it was."""

import io
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from documents.encryption.envelope import open_header
from documents.key_rings import key_ring
from documents.models import AdoptedSource, Attachment, AuditEvent, Document, ObjectRemoval, StagedAttachment
from documents.services.deletion import delete_document
from documents.services.digests import plaintext_digest
from documents.storage.base import StorageProvider
from tests.adopting.older import (
    CONTENT,
    READER,
    adopt,
    call,
    content_of,
    counts_of,
    everything_below,
    lay,
    lay_envelope,
    older_key_of,
    only_attachment,
)
from tests.keyring import write_keys
from tests.legacy.making import older_envelope

pytestmark = pytest.mark.django_db
MADE_AT = datetime(2024, 1, 15, tzinfo=UTC)


def test_an_older_document_becomes_one_of_the_vault(older: Path, alice: User, provider: StorageProvider) -> None:
    before = everything_below(older)

    answer = adopt(older)

    assert (answer.status, counts_of(answer)) == (0, {"adopted": 1})
    document, attachment = Document.objects.get(), only_attachment()
    assert (document.owner, document.title, document.created_at) == (alice, "passport", MADE_AT)
    assert (attachment.filename, attachment.content_type) == ("passport.pdf", "application/pdf")
    assert (attachment.version, attachment.created_at, attachment.is_in_place) == (1, MADE_AT, False)
    assert content_of(attachment) == CONTENT
    assert CONTENT not in provider.get(attachment.storage_path)
    assert plaintext_digest(attachment) is not None
    assert everything_below(older) == before, "the original is as it was"
    assert not StagedAttachment.objects.exists()


def test_the_date_is_sealed_with_it(older: Path, provider: StorageProvider) -> None:
    adopt(older)

    metadata = open_header(provider.get(only_attachment().storage_path), key_ring(), expected=None).metadata

    assert (metadata.created_at, metadata.filename, metadata.owner) == (MADE_AT, "passport.pdf", "alice")


def test_it_is_audited_without_names(older: Path) -> None:
    adopt(older)

    attachment = only_attachment()
    [event] = AuditEvent.objects.filter(action="document.adopted")
    assert (event.document_id, event.attachment_id, event.via) == (attachment.document_id, attachment.pk, "command")
    assert event.detail["size"] == len(CONTENT)
    assert "passport" not in str(event.detail)


def test_again_adopts_nothing(older: Path) -> None:
    adopt(older)

    answers = [adopt(older), adopt(older / "documents"), adopt(older / "." / "documents" / ".." / "documents")]

    assert [(answer.status, counts_of(answer)) for answer in answers] == [(0, {"already-adopted": 1})] * 3
    assert (Document.objects.count(), AdoptedSource.objects.count()) == (1, 1)


def test_what_was_deleted_since_is_not_brought_back(older: Path, alice: User) -> None:
    adopt(older)
    delete_document(Document.objects.get().pk, owner=alice, actor=READER)

    assert counts_of(adopt(older)) == {"already-adopted": 1}
    assert not Document.objects.exists()
    assert not ObjectRemoval.objects.exists()


def test_a_dry_run_opens_everything_and_changes_nothing(older: Path, alice: User, provider: StorageProvider) -> None:
    lay(older, older_key_of(alice, "2_broken.pdf_pdf.json"), b'{"ciphertext": "AAAA"}')

    answer = adopt(older, "--dry-run")

    assert (answer.status, counts_of(answer)) == (1, {"planned": 1, "failed": 1})
    assert answer.told["owners"] == {"alice": {"count": 1, "bytes": answer.told["bytes"]["planned"]}}
    assert answer.told["causes"] == {"malformed": 1}
    assert not Document.objects.exists()
    assert not AdoptedSource.objects.exists()
    assert list(provider.iter_locations()) == []


def test_without_consent_nothing_is_done(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))

    answer = call("adopt_documents", older)

    assert answer.status == 2
    assert "To be adopted: 1" in answer.err
    assert "for alice: 1" in answer.err
    assert not Document.objects.exists()


def test_with_consent_it_is(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("adopt\n"))

    answer = call("adopt_documents", older)

    assert (answer.status, Document.objects.count()) == (0, 1)
    assert "Adopted: 1" in answer.out


def test_plain_files_are_taken_where_it_is_said(older: Path, alice: User) -> None:
    page = b"%PDF-1.7\n" + bytes(300_000)
    lay(older, f"documents/user_{alice.pk}/2023/05/01/contract.pdf", page)
    lay(older, f"documents/user_{alice.pk}/notes.txt", b"")
    lay(older, f"documents/user_{alice.pk}/settings.json", b'{"theme": "dark"}')
    lay(older, f"documents/user_{alice.pk}/.hidden/x.pdf", page)
    lay(older, f"documents/user_{alice.pk}/.DS_Store", b"x")

    assert counts_of(adopt(older)) == {"adopted": 1, "left-out": 4}
    assert counts_of(adopt(older, "--plain")) == {"adopted": 3, "already-adopted": 1, "left-out": 1}
    found = {one.filename: one for one in Attachment.objects.all()}
    assert set(found) == {"passport.pdf", "contract.pdf", "notes.txt", "settings.json"}
    assert content_of(found["contract.pdf"]) == page
    assert content_of(found["notes.txt"]) == b""
    assert found["contract.pdf"].created_at == datetime(2023, 5, 1, tzinfo=UTC)
    modified_at = (older / f"documents/user_{alice.pk}/notes.txt").stat().st_mtime
    assert abs(found["notes.txt"].created_at.timestamp() - modified_at) < 1


def test_of_a_plain_file_no_digest_is_kept_in_clear(older: Path, alice: User) -> None:
    lay(older, f"user_{alice.pk}/notes.txt", b"a guess that could be confirmed")

    adopt(older, "--plain")

    digests = {row.key.rpartition("/")[2]: row.digest for row in AdoptedSource.objects.all()}
    assert digests["notes.txt"] == ""
    assert len(digests["1_passport.pdf_pdf.json"]) == 64


def test_what_a_vault_sealed_is_never_taken_for_a_plain_file(
    older: Path, alice: User, provider: StorageProvider
) -> None:
    adopt(older)
    sealed = provider.get(only_attachment().storage_path)
    lay(older, f"user_{alice.pk}/kept.pdf", sealed)
    lay(older, only_attachment().storage_path, b"a copy of an object")

    assert counts_of(adopt(older, "--plain")) == {"already-adopted": 1, "left-out": 2}


def test_links_are_neither_followed_nor_adopted(older: Path, alice: User, tmp_path: Path) -> None:
    secret = lay(tmp_path, "secrets/shadow.txt", b"root")
    folder = older / f"user_{alice.pk}"
    folder.mkdir()
    (folder / "link.txt").symlink_to(secret)
    (folder / "folder").symlink_to(secret.parent)

    assert counts_of(adopt(older, "--plain")) == {"adopted": 1}


def test_names_of_any_kind_are_adopted(older: Path, alice: User) -> None:
    folder = older / f"user_{alice.pk}"
    names = [b"back\\slash.txt", b"new\nline.txt", "Übersicht.txt".encode(), b"latin-\xfc.txt", b"x" * 240 + b".txt"]
    for name in names:
        lay(folder, "a", b"text").rename(Path(os.fsdecode(bytes(str(folder), "ascii") + b"/" + name)))

    answer = adopt(older, "--plain")

    assert counts_of(answer) == {"adopted": 1 + len(names)}
    assert counts_of(adopt(older, "--plain")) == {"already-adopted": 1 + len(names)}
    assert {content_of(one) for one in Attachment.objects.exclude(filename="passport.pdf")} == {b"text"}


def test_the_limit_counts_what_is_worked_on(older: Path, alice: User) -> None:
    for number in range(5):
        lay_envelope(older, older_key_of(alice, f"{number}_paper.txt_txt.json"), b"%d" % number)
        lay(older, f"other-{number}.bin", b"left out")

    assert counts_of(adopt(older, "--limit", 4, "--batch-size", 2)).get("adopted") == 4
    assert counts_of(adopt(older, "--limit", 4, "--batch-size", 2)).get("adopted") == 2
    assert counts_of(adopt(older, "--limit", 4)).get("adopted") is None


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_the_limit_counts_no_failure_and_later_runs_come_to_the_rest(older: Path, alice: User, batch_size: int) -> None:
    """A directory is listed in no order: six that fail stand before some of the others."""
    for number in range(9):
        content = b"{}" if number < 6 else older_envelope(b"%d" % number)
        lay(older, f"papers/user_{alice.pk}/{number}_paper.txt_txt.json", content)
    limited = ("--limit", 1, "--batch-size", batch_size)

    answers = [adopt(older / "papers", *limited) for _ in range(4)]

    assert [counts_of(answer).get("adopted", 0) for answer in answers] == [1, 1, 1, 0]
    assert counts_of(answers[3]) == {"already-adopted": 3, "failed": 6}, "each was tried once"


def test_a_tier_of_public_keys_adopts_nothing(older: Path, settings: Settings, tmp_path: Path) -> None:
    keys = replace(settings.VAULT.keys, directory=write_keys(tmp_path / "keys", seal_only=True))
    settings.VAULT = replace(settings.VAULT, keys=keys)

    answer = adopt(older)

    assert answer.status == 2
    assert "public keys alone" in answer.said
