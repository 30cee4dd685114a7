"""What cannot be adopted is told, one by one, with a reason; nothing of it is kept, and the others are adopted."""

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf import KeySources
from documents.conf.legacy import LegacyConfig
from documents.conf.storage_file import StorageFile
from documents.encryption.sealing import Sealer
from documents.models import Document, StagedAttachment
from documents.storage.base import Buffer, StorageProvider
from documents.storage.policies import Policy
from tests.adopting.older import CONTENT, adopt, call, counts_of, lay, lay_envelope, older_key_of
from tests.keyring import write_keys
from tests.legacy.making import members_of, older_envelope, older_key, pem_of_older

pytestmark = pytest.mark.django_db


def changed(**members: str) -> bytes:
    return json.dumps({**members_of(CONTENT), **members}).encode()


DAMAGED = {
    "malformed": lambda: older_envelope(CONTENT)[:-40],
    "damaged": lambda: changed(tag="A" * 22 + "=="),
    "key-missing": lambda: older_envelope(CONTENT, key=older_key("of nobody here")),
}


@pytest.mark.parametrize("code", DAMAGED)
def test_a_damaged_document_is_told_and_the_others_are_adopted(older: Path, alice: User, code: str) -> None:
    lay(older, older_key_of(alice, "2_broken.pdf_pdf.json"), DAMAGED[code]())

    answer = adopt(older, "--plain")

    assert (answer.status, counts_of(answer)) == (1, {"adopted": 1, "failed": 1})
    [failure] = answer.told["failures"]
    assert (failure["code"], failure["source"].endswith("2_broken.pdf_pdf.json")) == (code, True)
    assert Document.objects.get().title == "passport"
    assert not StagedAttachment.objects.exists()


def test_it_is_adopted_once_it_was_mended(older: Path, alice: User) -> None:
    broken = lay(older, older_key_of(alice, "2_broken.pdf_pdf.json"), DAMAGED["malformed"]())
    adopt(older)
    broken.write_bytes(older_envelope(CONTENT))

    assert counts_of(adopt(older)) == {"adopted": 1, "already-adopted": 1}


def test_what_is_too_large_is_not_read(older: Path, alice: User, settings: Settings) -> None:
    lay_envelope(older, older_key_of(alice, "2_large.pdf_pdf.json"), bytes(20_000))
    config = LegacyConfig(key_pem=pem_of_older(), max_size=10_000)
    settings.VAULT = replace(settings.VAULT, legacy=config)

    answer = adopt(older)

    assert answer.told["causes"] == {"object-too-large": 1}
    assert "VAULT_LEGACY_MAX_SIZE" in answer.told["failures"][0]["detail"]


def test_the_limits_of_uploads_hold(older: Path, alice: User, settings: Settings, provider: StorageProvider) -> None:
    lay(older, f"user_{alice.pk}/large.bin", bytes(5_000))
    lay(older, f"user_{alice.pk}/page.html", b"<p>")
    policy = Policy("documents", store=settings.VAULT.storage_type, allowed_types=("application/*",))
    settings.VAULT = replace(settings.VAULT, max_upload_size=4_000, storage_file=StorageFile(policies=(policy,)))
    wiring.reset()

    answer = adopt(older, "--plain")

    assert answer.told["causes"] == {"type-not-allowed": 1, "upload-too-large": 1}
    assert len(list(provider.iter_locations())) == Document.objects.count() == 1


def test_a_wrong_key_is_told_of_all_and_nothing_is_kept(older: Path, settings: Settings) -> None:
    config = LegacyConfig(key_pem=pem_of_older("of nobody here"))
    settings.VAULT = replace(settings.VAULT, legacy=config)

    answer = adopt(older)

    assert answer.told["causes"] == {"key-missing": 1}
    assert "passport" not in answer.told["failures"][0]["detail"]


def test_a_key_that_cannot_be_loaded_is_told_by_its_name(older: Path, settings: Settings) -> None:
    config = LegacyConfig(key_pem=pem_of_older(passphrase="secret"), passphrase="wrong-canary")
    settings.VAULT = replace(settings.VAULT, legacy=config)

    [failure] = adopt(older).told["failures"]

    assert failure["code"] == "keys-unusable"
    assert failure["detail"].startswith("VAULT_LEGACY_KEY: ")
    assert "canary" not in failure["detail"]


def test_a_document_of_nobody_is_refused_or_the_systems(older: Path) -> None:
    lay_envelope(older, older_key_of(10**12))
    lay_envelope(older, "documents/1_lost.pdf_pdf.json")

    assert adopt(older).told["causes"] == {"no-owner": 1, "unknown-owner": 1}
    assert counts_of(adopt(older, "--system")) == {"adopted": 2, "already-adopted": 1}
    assert Document.objects.filter(owner=None).count() == 2


def test_a_map_gives_documents_to_people(older: Path, alice: User, bob: User, tmp_path: Path) -> None:
    lay_envelope(older, older_key_of(700))
    (tmp_path / "map.csv").write_text(f"old,new\n700,bob\n{alice.pk},alice\n")

    assert adopt(older, "--owner-map", tmp_path / "map.csv").told["owners"].keys() == {"alice", "bob"}


def test_a_directory_around_the_vaults_own_store_is_refused(settings: Settings) -> None:
    settings.VAULT.local_storage_path.mkdir(parents=True, exist_ok=True)

    answer = adopt(settings.VAULT.local_storage_path.parent, "--plain")

    assert answer.status == 2
    assert "inside" in answer.said


def test_in_place_needs_a_store_of_the_vault(older: Path) -> None:
    answer = adopt(older, "--in-place")

    assert answer.status == 2
    assert "VAULT_STORAGE_FILE" in answer.said


def test_in_place_says_what_to_do_where_older_wraps_are_refused(
    settings: Settings, envelope: bytes, tmp_path: Path
) -> None:
    """Nothing is registered: --reseal would find nothing to seal."""
    hybrid = write_keys(tmp_path / "hybrid", primary="hybrid-primary", recovery="hybrid-recovery")
    settings.VAULT = replace(settings.VAULT, keys=KeySources(hybrid, weakest_wrap="rsa-oaep-ml-kem-768"))

    answer = adopt(settings.VAULT.storage_type, "--in-place")

    assert answer.status == 2
    assert answer.said.endswith("Leave it out: then they are sealed.")
    assert counts_of(adopt(settings.VAULT.storage_type)) == {"adopted": 1}


def test_what_was_changed_since_is_told_and_what_was_touched_is_not(older: Path, alice: User) -> None:
    envelope = older / older_key_of(alice)
    plain = lay(older, f"user_{alice.pk}/notes.txt", b"one")
    adopt(older, "--plain")
    for path in (envelope, plain):
        path.write_bytes(path.read_bytes())
    assert counts_of(adopt(older, "--plain")) == {"already-adopted": 2}
    envelope.write_bytes(older_envelope(b"another"))
    plain.write_bytes(b"two")

    answer = adopt(older, "--plain")

    assert answer.told["causes"] == {"changed-since": 2}
    assert Document.objects.count() == 2


def test_a_file_that_is_written_to_meanwhile_is_not_kept(
    older: Path, alice: User, monkeypatch: pytest.MonkeyPatch, provider: StorageProvider
) -> None:
    growing = lay(older, f"user_{alice.pk}/growing.txt", b"one" * 1000)
    update = Sealer.update

    def while_it_grows(sealer: Sealer, data: Buffer) -> object:
        growing.write_bytes(b"two" * 1000)
        return update(sealer, data)

    monkeypatch.setattr(Sealer, "update", while_it_grows)
    answer = adopt(older / f"user_{alice.pk}", "--plain", "--owner", "alice")

    assert answer.told["causes"] == {"source-changed": 1}
    assert list(provider.iter_locations()) == []
    assert not StagedAttachment.objects.exists() or StagedAttachment.objects.get().state == "discarded"


def test_a_directory_that_cannot_be_read_is_told(older: Path, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests run as root too, whom no mode keeps out: the system's answer is given in its place."""
    locked = older / "locked"
    locked.mkdir()
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("documents.services.adopting.places.os.scandir", refuse)
    answer = adopt(older)

    assert (counts_of(answer), answer.told["causes"]) == ({"adopted": 1, "failed": 1}, {"unreadable": 1})


def test_the_csv_has_a_line_for_each_and_no_formula(older: Path, alice: User) -> None:
    lay(older, older_key_of(alice, "2_broken.pdf_pdf.json"), b"{}")

    answer = call("adopt_documents", older, "--no-input", "--format", "csv")

    rows = list(csv.DictReader(io.StringIO(answer.out)))
    assert {row["status"] for row in rows} == {"adopted", "failed"}
    [adopted] = [row for row in rows if row["status"] == "adopted"]
    assert (adopted["owner"], adopted["document_id"]) == ("alice", str(Document.objects.get().pk))


def test_the_text_has_each_error(older: Path, alice: User) -> None:
    lay(older, older_key_of(alice, "2_broken.pdf_pdf.json"), b"{}")

    answer = call("adopt_documents", older, "--no-input")

    assert "Adopted: 1" in answer.out
    assert "Failed: 1" in answer.out
    assert "2_broken.pdf_pdf.json: malformed." in answer.out


@pytest.mark.parametrize("workers", [1, 2])
def test_who_interrupts_it_is_told_how_to_go_on_in_one_line(
    older: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    def interrupted(*_arguments: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("documents.services.adopting.working.known_sources", interrupted)

    answer = adopt(older, "--workers", workers)

    assert answer.status == 130
    assert answer.said.startswith("Interrupted. 0 were adopted. Run the same command again")


def test_a_database_that_does_not_answer_is_told_in_one_line(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_arguments: object) -> NoReturn:
        raise OperationalError("connection to server failed\nsecond line")

    monkeypatch.setattr("documents.services.adopting.working.known_sources", fails)

    answer = adopt(older)

    assert answer.status == 1
    assert "connection to server failed" in answer.said
    assert "\n" not in answer.said
