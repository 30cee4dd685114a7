"""What seals and what no longer does: key files that are too old, deaths in between, two operators at once."""

from contextlib import closing
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import CommandError
from django.test import Client
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.conf import KeySources
from documents.encryption.vectors.keys import kek_id, pem_of
from documents.errors import KekRefused, RetiredKek
from documents.filestorage import VaultStorage
from documents.key_rings import key_ring
from documents.models import AuditEvent, UpkeepRun
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.kek_standing import find_record
from documents.services.metrics import exposition, rows
from documents.services.uploads import begin_upload
from documents.upkeep import runs
from documents.upkeep.errors import StandsAside
from documents.upkeep.rewrap import RewrapWork, begin_rewrapping
from documents.upkeep.shares import Lease, LeaseLost, take_share
from documents.upkeep.tasks import work_on_run
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.upkeep.rotating import (
    add_recovery,
    attachment_of,
    destroyed,
    dies_at,
    hours_pass,
    make_primary,
    recipients_in_row,
    rotate,
)
from tests.upkeep.test_commands import run as command

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


def test_a_lost_designation_brings_no_earlier_primary_back(keys: KeySources, store: Store, new_primary: str) -> None:
    store()
    rotate(new_primary)
    (keys.directory / "ring.json").unlink()
    store()  # within the time in which files are carried from machine to machine
    hours_pass()
    with pytest.raises(RetiredKek, match=r"ring\.json is missing"):
        store()


def test_older_key_files_rotate_nothing_back(
    keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    document, private = store(), (keys.directory / "primary.pem").read_bytes()
    rotate(new_primary)
    designation = (keys.directory / "ring.json").read_bytes()

    (keys.directory / "ring.json").unlink()
    with pytest.raises(CommandError, match="sealed once, and was replaced"):
        command("rotate_keys", "--inline")
    with pytest.raises(KekRefused, match="not by the key files of this process"):
        kek_life.retire_kek(find_record(new_primary), operator)
    (keys.directory / "ring.json").write_bytes(designation)
    record = destroyed(old_primary, operator)
    (keys.directory / "ring.json").unlink()
    (keys.directory / "primary.pem").touch(mode=0o600)
    (keys.directory / "primary.pem").write_bytes(private)
    for option in ([], ["--to", old_primary]):
        with pytest.raises(CommandError, match="was destroyed"):
            command("rotate_keys", "--inline", *option)
    with pytest.raises(RetiredKek, match="was destroyed"):
        store()

    record.refresh_from_db()
    assert record.destroyed_at is not None
    assert recipients_in_row(attachment_of(document))[0] == new_primary


def test_a_kek_that_was_retired_seals_again_where_it_is_named(
    keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)
    kek_life.retire_kek(find_record(old_primary), operator)
    command("rotate_keys", "--to", old_primary, "--inline")
    hours_pass()
    assert recipients_in_row(attachment_of(store()))[0] == old_primary
    assert find_record(old_primary).retired_at is None
    assert AuditEvent.objects.filter(action="kek.kept").count() == 1


def test_a_recovery_kek_that_was_retired_seals_again_where_it_is_named(
    keys: KeySources, store: Store, operator: Actor
) -> None:
    store()
    first, second = kek_id("recovery").hex(), add_recovery(keys)
    command("rotate_keys", "--recovery", second, "--inline")
    kek_life.retire_kek(find_record(first), operator)
    command("rotate_keys", "--recovery", first, "--inline")
    hours_pass()
    assert recipients_in_row(attachment_of(store()))[1] == first


def test_a_replaced_recovery_kek_is_sealed_for_no_longer(keys: KeySources, store: Store) -> None:
    store()
    command("rotate_keys", "--recovery", add_recovery(keys), "--inline")
    (keys.directory / "ring.json").unlink()
    hours_pass()
    with pytest.raises(RetiredKek, match=r"rotate_keys --to .* --recovery"):
        store()


def test_a_rotation_that_cannot_write_changes_nothing(keys: KeySources, store: Store, new_primary: str) -> None:
    store()
    (keys.directory / "ring.json").mkdir()
    with pytest.raises((CommandError, OSError)):
        command("rotate_keys", "--to", new_primary, "--inline")
    (keys.directory / "ring.json").rmdir()
    hours_pass()
    store()
    assert not runs.unfinished(UpkeepRun.Kind.REWRAP)


def _someone_dies_who_rotates_back(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str
) -> None:
    """Between ring.json, which names the old primary again, and the records, which name the new one."""
    store()
    rotate(new_primary)
    hours_pass()
    with monkeypatch.context() as dying:
        dies_at(dying, "kek.designated")
        with pytest.raises(KeyboardInterrupt):
            command("rotate_keys", "--to", old_primary, "--inline")


def test_who_dies_before_the_records_say_so_keeps_nobody_from_uploading(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str
) -> None:
    _someone_dies_who_rotates_back(monkeypatch, store, new_primary, old_primary)

    assert recipients_in_row(attachment_of(store()))[0] == old_primary
    command("rotate_keys", "--resume", "--inline")
    hours_pass()
    assert recipients_in_row(attachment_of(store()))[0] == old_primary
    assert find_record(new_primary).replaced_at is not None


def test_a_worker_with_older_key_files_stands_aside(
    keys: KeySources, store: Store, new_primary: str, settings: Settings, operator: Actor
) -> None:
    store()
    make_primary(new_primary)
    run = begin_rewrapping(operator)
    ours = settings.VAULT
    settings.VAULT = replace(settings.VAULT, keys=replace(keys, primary_pem=pem_of("primary").decode()))
    key_rings.reset()
    with pytest.raises(StandsAside):
        work_on(run.pk)
    run.refresh_from_db()
    assert (run.state, run.note) == ("running", "")
    with pytest.raises(CommandError, match="VAULT_PRIMARY_KEK"):
        command("rotate_keys", "--resume", "--inline")

    settings.VAULT = ours
    key_rings.reset()
    work_on(run.pk)
    run.refresh_from_db()
    assert run.state == "succeeded"


def test_older_key_files_are_told_and_documents_stay_open(
    keys: KeySources, client: Client, store: Store, new_primary: str
) -> None:
    store()
    rows.forget()
    assert "vault_key_ring_outdated 0.0" in exposition().decode()
    rotate(new_primary)
    (keys.directory / "ring.json").unlink()
    hours_pass()
    rows.forget()
    assert client.get("/readyz").json()["keys"] == "ok"
    assert "vault_key_ring_outdated 1.0" in exposition().decode()


def test_keys_out_of_the_environment_are_rotated_there(keys: KeySources, new_primary: str, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, keys=replace(keys, primary_pem=pem_of("primary").decode()))
    key_rings.reset()
    with pytest.raises(CommandError, match="VAULT_PRIMARY_KEK"):
        command("rotate_keys", "--to", new_primary, "--inline")
    assert not (keys.directory / "ring.json").exists()


def test_a_process_with_an_older_ring_seals_nothing_for_a_retired_kek(
    keys: KeySources, store: Store, alice: User, new_primary: str, old_primary: str, settings: Settings, operator: Actor
) -> None:
    store()
    rotate(new_primary)
    kek_life.retire_kek(find_record(old_primary), operator)
    settings.VAULT = replace(settings.VAULT, keys=replace(keys, primary_pem=pem_of("primary").decode()))
    key_rings.reset()
    with pytest.raises(RetiredKek):
        begin_upload(owner=alice, filename="a", content_type="", actor=operator)
    with pytest.raises(RetiredKek):
        VaultStorage().save("may.pdf", ContentFile(b"a payslip"))


def test_of_two_that_rotate_at_once_one_changes_what_seals(
    keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    begin_rewrapping(operator)
    with pytest.raises(CommandError, match="is running"):
        command("rotate_keys", "--to", new_primary, "--inline")
    assert not (keys.directory / "ring.json").exists()


def test_who_resumes_a_rotation_has_its_keks_seal(
    keys: KeySources, store: Store, new_primary: str, operator: Actor
) -> None:
    """Whoever began it died before the key directory said so, or did that on another machine."""
    document = store()
    ring = key_ring()
    begin_rewrapping(operator, (ring.older[0], *ring.recovery))
    command("rotate_keys", "--resume", "--inline")
    assert recipients_in_row(attachment_of(document))[0] == new_primary
    assert recipients_in_row(attachment_of(store()))[0] == new_primary


@pytest.mark.parametrize("end", ["succeeded", "cancelled"])
def test_a_rotation_that_is_over_has_nobody_seal_again(
    end: str, keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    run = rotate(new_primary)
    if end == "cancelled":
        run = begin_rewrapping(operator, key_ring().recipients)
        runs.cancel(run, operator)
    command("rotate_keys", "--to", old_primary, "--inline")
    with pytest.raises(CommandError, match="is over"):
        command("rotate_keys", "--resume", str(run.pk), "--inline")
    with pytest.raises(KekRefused, match="is over"):
        kek_life.make_primary(key_ring().older[0], key_ring().recovery, operator, run=run)
    assert key_ring().primary.kek_id.hex() == old_primary


def test_a_worker_of_a_rotation_that_was_given_up_notes_nothing(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    make_primary(new_primary)
    run = begin_rewrapping(operator)
    lease = take_share(run)
    assert lease
    runs.cancel(run, operator)
    with closing(RewrapWork(run)) as work, pytest.raises(LeaseLost):
        work.step(lease)


def test_who_gives_up_a_rotation_of_one_who_died_says_first_what_seals(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str
) -> None:
    _someone_dies_who_rotates_back(monkeypatch, store, new_primary, old_primary)
    command("rotate_keys", "--cancel")
    hours_pass()
    assert recipients_in_row(attachment_of(store()))[0] == old_primary
    assert find_record(new_primary).replaced_at is not None


def test_a_command_with_older_key_files_ends_and_says_what_to_do(
    keys: KeySources, store: Store, new_primary: str, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ring.json was taken away while it was at work."""
    store()
    begin = RewrapWork.step

    def step(work: RewrapWork, lease: Lease) -> bool:
        (keys.directory / "ring.json").unlink(missing_ok=True)
        return begin(work, lease)

    monkeypatch.setattr(RewrapWork, "step", step)
    with pytest.raises(CommandError, match=r"ring\.json.*Put the present ones there"):
        command("rotate_keys", "--to", new_primary, "--inline")
    work_on_run(runs.unfinished(UpkeepRun.Kind.REWRAP).pk)  # type: ignore[union-attr]
    assert "ring.json" in UpkeepRun.objects.get().note
