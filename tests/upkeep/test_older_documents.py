"""Documents that are read in place, and files that were adopted under their names, while keys come and go."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from pytest_django.fixtures import Settings

from documents.conf import KeySources
from documents.encryption.vectors.keys import pem_of
from documents.errors import DocumentUnreadable, KekInUse, WeakWrap
from documents.filestorage import VaultStorage
from documents.models import AdoptedSource, Attachment, UpkeepRun
from documents.models.upkeep import UpkeepState
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.kek_standing import find_record, list_keks
from documents.services.resealing import reseal
from documents.storage.base import StorageProvider
from documents.upkeep.reseal import begin_resealing
from documents.upkeep.verify import begin_verifying
from documents.upkeep.worker import work_on
from tests.adopting.older import CONTENT, adopt, call, content_of, counts_of, lay, older_key_of, only_attachment
from tests.keyring import write_keys
from tests.legacy.making import older_envelope
from tests.payslips.models import Employee, Payslip
from tests.upkeep.rotating import make_primary, rotate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


@pytest.fixture
def in_place(provider: StorageProvider, alice: User, keys: KeySources) -> Attachment:
    """An older document, wrapped for the key that this vault has as its primary."""
    key = load_pem_private_key(pem_of("primary"), None)
    assert isinstance(key, RSAPrivateKey)
    provider.put_bytes(older_key_of(alice), older_envelope(CONTENT, key=key))
    assert counts_of(adopt(provider.name, "--in-place")) == {"registered": 1}
    return only_attachment()


def verified(operator: Actor) -> UpkeepRun:
    run = begin_verifying(operator, deep=True)
    work_on(run.pk)
    run.refresh_from_db()
    return run


def test_the_key_that_opens_it_counts_and_is_not_retired_before_it_is_sealed_anew(
    in_place: Attachment, old_primary: str, new_primary: str, operator: Actor
) -> None:
    assert rotate(new_primary).state == UpkeepState.SUCCEEDED
    assert content_of(only_attachment()) == CONTENT
    assert {one.record.kek_id: one.attachments for one in list_keks()}[old_primary] == 1
    with pytest.raises(KekInUse, match="read in place"):
        kek_life.retire_kek(find_record(old_primary), operator)

    assert counts_of(adopt("--reseal")) == {"resealed": 1}

    kek_life.retire_kek(find_record(old_primary), operator)
    assert content_of(only_attachment()) == CONTENT


def test_verifying_reads_it_and_finds_what_is_wrong(
    in_place: Attachment, provider: StorageProvider, operator: Actor
) -> None:
    assert not verified(operator).findings.exists()
    provider.delete(in_place.storage_path)
    provider.put_bytes(in_place.storage_path, bytes(in_place.sealed_size))

    assert [finding.code for finding in verified(operator).findings.all()] == ["damaged"]


def test_where_rsa_alone_is_refused_it_is_sealed_and_not_read(
    in_place: Attachment, settings: Settings, tmp_path: Path, provider: StorageProvider, alice: User
) -> None:
    directory = write_keys(tmp_path / "hybrid", primary="hybrid-primary", recovery="hybrid-recovery", older="primary")
    weakest = KeySources(directory, weakest_wrap="rsa-oaep-ml-kem-768")
    settings.VAULT = replace(settings.VAULT, keys=weakest)
    with pytest.raises(DocumentUnreadable) as refused:
        content_of(in_place)
    assert isinstance(refused.value.__cause__, WeakWrap)
    in_place.refresh_from_db()
    assert in_place.suspect_at is None
    assert adopt(provider.name, "--in-place").status == 2

    assert counts_of(adopt("--reseal")) == {"resealed": 1}
    assert content_of(only_attachment()) == CONTENT


def test_files_under_their_former_names_are_rewrapped_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old_primary: str, new_primary: str, operator: Actor
) -> None:
    field = Payslip._meta.get_field("file")
    monkeypatch.setattr(field, "storage", FileSystemStorage(tmp_path / "media"))
    row = Payslip(employee=Employee.objects.create(name="may"), month=date(2023, 5, 31))
    row.file.save("may.pdf", ContentFile(b"a payslip of May"))
    assert call("adopt_filefield", "payslips.Payslip.file", "--to", "storage", "--no-input").status == 0
    monkeypatch.setattr(field, "storage", VaultStorage())
    with pytest.raises(KekInUse):
        rotate_without_rewrapping(new_primary, old_primary, operator)

    assert rotate(new_primary).state == UpkeepState.SUCCEEDED
    kek_life.retire_kek(find_record(old_primary), operator)
    assert Payslip.objects.get().file.open().read() == b"a payslip of May"


def rotate_without_rewrapping(new_primary: str, old_primary: str, operator: Actor) -> None:
    make_primary(new_primary)
    kek_life.retire_kek(find_record(old_primary), operator)


def test_what_was_adopted_is_sealed_anew_like_any_other_and_is_known_for_adopted(
    tmp_path: Path, alice: User, operator: Actor
) -> None:
    lay(tmp_path, f"older/user_{alice.pk}/notes.txt", b"notes of years ago")
    place = (tmp_path / "older", "--plain")
    assert counts_of(adopt(*place)) == {"adopted": 1}
    before = only_attachment().pk

    new = reseal(only_attachment(), operator)

    assert AdoptedSource.objects.get().attachment_id == new != before
    assert content_of(only_attachment()) == b"notes of years ago"
    assert counts_of(adopt(*place)) == {"already-adopted": 1}


def test_sealing_everything_anew_leaves_what_is_read_in_place_to_adopting(
    in_place: Attachment, operator: Actor
) -> None:
    run = begin_resealing(operator)
    work_on(run.pk)
    run.refresh_from_db()

    assert (run.state, run.findings.count()) == (UpkeepState.SUCCEEDED, 0)
    assert only_attachment().is_in_place
    assert content_of(only_attachment()) == CONTENT
