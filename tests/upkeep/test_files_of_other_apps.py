"""Sealed files of other apps have no row: rotation puts newer key blocks beside them, and they open by those."""

from dataclasses import replace

import pytest
from django.core.files.base import ContentFile
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf import KeySources
from documents.conf.storage_file import StorageFile
from documents.errors import KekInUse
from documents.filestorage import VaultStorage
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.kek_standing import find_record
from documents.storage.base import StorageProvider
from documents.storage.policies import Policy
from documents.upkeep import runs
from documents.upkeep.rewrap import begin_rewrapping
from tests.upkeep.rotating import done, make_primary, rotate

pytestmark = pytest.mark.django_db(transaction=True)


def read(name: str) -> bytes:
    with VaultStorage().open(name) as file:
        return bytes(file.read())


def test_a_file_opens_after_its_first_kek_was_destroyed(
    keys: KeySources, provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    name = VaultStorage().save("payslips/may.pdf", ContentFile(b"a payslip of May"))
    [info] = provider.iter_locations("files/")
    before = provider.get(info.key)
    make_primary(new_primary)
    with pytest.raises(KekInUse, match="1 sealed files"):
        kek_life.retire_kek(find_record(old_primary), operator)

    run = rotate(new_primary)

    assert (run.state, run.total, run.findings.count()) == ("succeeded", 1, 0)
    assert provider.get(info.key) == before
    kek_life.retire_kek(find_record(old_primary), operator)
    (keys.directory / "primary.pem").unlink()
    assert read(name) == b"a payslip of May"
    VaultStorage().delete(name)
    assert not list(provider.iter_locations("files/"))
    assert not list(provider.iter_locations("keyblocks/"))


def test_a_second_rotation_writes_nothing_beside_a_file(
    keys: KeySources, provider: StorageProvider, new_primary: str
) -> None:
    VaultStorage().save("may.pdf", ContentFile(b"a payslip"))
    rotate(new_primary)
    [beside] = [info.key for info in provider.iter_locations("keyblocks/")]
    rotate(new_primary)
    assert [info.key for info in provider.iter_locations("keyblocks/")] == [beside]


def test_a_file_that_cannot_be_rewrapped_is_told_and_the_others_are(
    keys: KeySources, provider: StorageProvider, new_primary: str
) -> None:
    provider.put_bytes("files/damaged.vlt", b"no envelope at all" * 1000)
    name = VaultStorage().save("may.pdf", ContentFile(b"a payslip"))
    run = rotate(new_primary)
    assert run.state == "failed"
    [finding] = run.findings.all()
    assert (finding.code, finding.storage_path) == ("malformed-envelope", "files/damaged.vlt")
    (keys.directory / "primary.pem").unlink()
    assert read(name) == b"a payslip"


@pytest.mark.parametrize("change", [slice(8, 9), slice(100, None)])
def test_a_file_that_no_release_reads_keeps_a_kek_from_retiring(
    change: slice, keys: KeySources, provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    """One of a later version, and one that was cut short: nobody can say what they are wrapped for."""
    VaultStorage().save("may.pdf", ContentFile(b"a payslip of May"))
    [info] = provider.iter_locations("files/")
    sealed = bytearray(provider.get(info.key))
    sealed[change] = b"" if change.stop is None else b"\x02"
    provider.delete(info.key)
    provider.put_bytes(info.key, bytes(sealed))
    rotate(new_primary)
    with pytest.raises(KekInUse, match="1 sealed files that cannot be read"):
        kek_life.retire_kek(find_record(old_primary), operator)


def have_policy(settings: Settings, name: str) -> None:
    """One beside the usual, with a prefix of its own."""
    policy = Policy(name, store=settings.VAULT.storage_type, key_prefix="personnel")
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(policies=(policy,)))
    wiring.reset()


def test_a_policy_that_was_renamed_during_a_rotation_stops_it_with_a_word(
    keys: KeySources, provider: StorageProvider, new_primary: str, operator: Actor, settings: Settings
) -> None:
    have_policy(settings, "payslips")
    VaultStorage(policy="payslips").save("may.pdf", ContentFile(b"a payslip"))
    make_primary(new_primary)
    run = begin_rewrapping(operator)
    have_policy(settings, "wages")

    stopped = done(run)

    assert stopped.state == "interrupted"
    assert "There is no policy 'payslips'" in stopped.note
    assert "--cancel and begin another" in stopped.note
    assert not list(provider.iter_locations("keyblocks/"))
    runs.cancel(stopped, operator)
    another = done(begin_rewrapping(operator))
    assert (another.state, another.total) == ("succeeded", 1)
    assert len(list(provider.iter_locations("keyblocks/"))) == 1


def test_a_rotation_goes_on_where_its_policy_is_put_back(
    keys: KeySources, new_primary: str, operator: Actor, settings: Settings
) -> None:
    have_policy(settings, "payslips")
    VaultStorage(policy="payslips").save("may.pdf", ContentFile(b"a payslip"))
    make_primary(new_primary)
    run = begin_rewrapping(operator)
    have_policy(settings, "wages")
    assert done(run).state == "interrupted"
    have_policy(settings, "payslips")

    runs.resume(run, operator)

    resumed = done(run)
    assert (resumed.state, resumed.total, resumed.note) == ("succeeded", 1, "")
