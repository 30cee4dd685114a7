"""A KEK retires, and is destroyed, only where nothing needs it, whatever happens during the proof."""

import json
from pathlib import Path
from threading import Thread

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.db import connection

from documents.conf import KeySources
from documents.encryption.vectors.keys import kek_id
from documents.errors import KekInUse, KekRefused
from documents.key_rings import key_ring
from documents.models import Attachment, Document, KekRecord, UpkeepRun
from documents.models.clock import database_now
from documents.services import kek_life, kek_proof
from documents.services.actors import Actor
from documents.services.kek_proof import prove_unused
from documents.services.kek_standing import find_record
from documents.services.sidecars import read_sidecar, sidecar_key
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from documents.upkeep import rewrap, runs
from documents.wiring import storage_provider
from tests.conftest import Store
from tests.upkeep.rotating import add_recovery, attachment_of, destroyed, dies_at, make_primary, rotate
from tests.upkeep.test_commands import run as command

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


def test_there_is_no_way_back_from_a_destruction_that_has_begun(
    monkeypatch: pytest.MonkeyPatch, keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)
    refused = []

    def change_their_mind() -> None:
        with pytest.raises(KekRefused, match="being destroyed"):
            kek_life.keep_after_all(find_record(old_primary), operator)
        with pytest.raises(KekRefused, match="being destroyed"):
            make_primary(old_primary)
        with pytest.raises(CommandError, match="was destroyed"):
            command("rotate_keys", "--to", old_primary, "--inline")
        refused.append(True)

    dies_at(monkeypatch, "kek.destruction-begun", change_their_mind)
    destroyed(old_primary, operator)
    assert refused
    assert key_ring().primary.kek_id.hex() == new_primary


def test_a_kek_that_is_made_primary_during_the_proof_is_not_retired(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)

    def meanwhile(record: KekRecord) -> int:
        looked_at = prove_unused(record)
        rotate(old_primary)
        rotate(new_primary)
        return looked_at

    monkeypatch.setattr("documents.services.kek_life.prove_unused", meanwhile)
    with pytest.raises(KekRefused, match="meanwhile"):
        kek_life.retire_kek(find_record(old_primary), operator)
    assert find_record(old_primary).retired_at is None


def test_a_rotation_that_was_given_up_before_its_sidecars_keeps_a_kek_from_retiring(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    """Whoever has the objects and no database would open them with the old KEK alone."""
    store()
    with monkeypatch.context() as dying:
        dies_at(dying, "rewrap.rows-written", module=rewrap)
        with pytest.raises(KeyboardInterrupt):
            rotate(new_primary)
    runs.cancel(UpkeepRun.objects.get(), operator)
    with pytest.raises(KekInUse, match="1 key blocks that are not beside their objects"):
        kek_life.retire_kek(find_record(old_primary), operator)
    rotate(new_primary)
    kek_life.retire_kek(find_record(old_primary), operator)


@pytest.mark.parametrize("damage", ["deleted", "changed", "cut short"])
def test_a_sidecar_that_is_lost_keeps_a_kek_from_retiring_until_it_is_repaired(
    store: Store, new_primary: str, old_primary: str, operator: Actor, damage: str
) -> None:
    attachment = attachment_of(store())
    store()
    rotate(new_primary)
    attachment.refresh_from_db()
    key, block = sidecar_key(attachment.pk, bytes(attachment.key_block)), bytes(attachment.key_block)
    provider = storage_provider(attachment.storage_type)
    provider.delete(key)
    if damage != "deleted":
        provider.put_bytes(key, block[:-1] + bytes([block[-1] ^ 1]) if damage == "changed" else b"")
    with pytest.raises(KekInUse, match=r"1 key blocks that are not beside their objects \(rotate_keys --repair\)\."):
        kek_life.retire_kek(find_record(old_primary), operator)
    assert json.loads(command("rotate_keys", "--repair", "--inline", "--format", "json"))["changed"] == 1
    assert kek_life.retire_kek(find_record(old_primary), operator) == 2


def test_what_is_deleted_during_the_proof_needs_no_sidecar(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    document = store()
    rotate(new_primary)

    def meanwhile(provider: StorageProvider, key: str) -> bytes:
        provider.delete(key)
        Document.objects.filter(pk=document.pk).delete()
        return read_sidecar(provider, key)

    monkeypatch.setattr("documents.services.kek_proof.read_sidecar", meanwhile)
    assert kek_life.retire_kek(find_record(old_primary), operator) == 1


def test_what_another_process_deletes_among_many_during_the_proof_needs_no_sidecar(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    """A cursor that is still open keeps SQLite at what was so when it was opened."""
    monkeypatch.setattr(kek_proof, "_BATCH", 2)
    for number in range(5):
        store(b"%d" % number)
    rotate(new_primary)
    gone: list[str] = []

    def delete(key: str) -> None:
        Document.objects.filter(pk=Attachment.objects.get(pk=key.removeprefix("keyblocks/")[:36]).document_id).delete()
        connection.close()

    def meanwhile(provider: StorageProvider, key: str) -> bytes:
        if not gone:
            gone.append(key)
            other = Thread(target=delete, args=[key])
            other.start()
            other.join()
            provider.delete(key)
        return read_sidecar(provider, key)

    monkeypatch.setattr(kek_proof, "read_sidecar", meanwhile)
    assert kek_life.retire_kek(find_record(old_primary), operator) == 5
    assert Attachment.objects.count() == 4


def test_what_is_put_beside_its_object_during_the_proof_is_not_called_lost(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)
    looked: list[str] = []

    def not_there_at_first(provider: StorageProvider, key: str) -> bytes:
        looked.append(key)
        return read_sidecar(provider, key) if len(looked) > 1 else b""

    monkeypatch.setattr(kek_proof, "read_sidecar", not_there_at_first)
    assert kek_life.retire_kek(find_record(old_primary), operator) == 1
    assert len(looked) == 2


def test_what_a_rotation_is_about_to_put_is_not_called_lost(
    monkeypatch: pytest.MonkeyPatch, keys: KeySources, store: Store, old_primary: str, operator: Actor
) -> None:
    third = add_recovery(keys)
    store()
    told: list[str] = []

    def retire() -> None:
        with pytest.raises(KekInUse) as caught:
            kek_life.retire_kek(find_record(third), operator)
        told.append(str(caught.value))

    made = command("create_kek").strip()
    with monkeypatch.context() as patched:
        dies_at(patched, "rewrap.rows-written", retire, module=rewrap)
        rotate(made)
    assert told
    assert all("1 key blocks that are being put" in one and "repair" not in one for one in told)
    kek_life.retire_kek(find_record(third), operator)


def test_a_kek_that_is_kept_during_the_proof_is_not_destroyed(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)

    def meanwhile(record: KekRecord) -> int:
        looked_at = prove_unused(record)
        if record.destruction_due_at:
            kek_life.keep_after_all(find_record(old_primary), operator)
        return looked_at

    monkeypatch.setattr("documents.services.kek_life.prove_unused", meanwhile)
    with pytest.raises(KekRefused, match="kept after all"):
        destroyed(old_primary, operator)
    assert bytes.fromhex(old_primary) in key_ring().opens


def test_a_kek_that_is_made_primary_while_its_destruction_is_asked_for_gets_no_date(
    monkeypatch: pytest.MonkeyPatch, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)
    kek_life.retire_kek(find_record(old_primary), operator)

    def meanwhile(record: KekRecord) -> int:
        looked_at = prove_unused(record)
        rotate(old_primary)
        return looked_at

    with monkeypatch.context() as patching:
        patching.setattr("documents.services.kek_life.prove_unused", meanwhile)
        with pytest.raises(KekRefused, match="is a primary KEK of the ring"):
            kek_life.ask_to_destroy(find_record(old_primary), operator)
    assert find_record(old_primary).destruction_due_at is None
    rotate(new_primary)
    kek_life.retire_kek(find_record(old_primary), operator)
    with pytest.raises(KekRefused, match="Nobody asked to destroy"):
        kek_life.destroy_kek(find_record(old_primary), operator)


def test_a_kek_for_which_a_rotation_waits_is_not_retired_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
    keys: KeySources,
    store: Store,
    new_primary: str,
    old_primary: str,
    operator: Actor,
) -> None:
    store()
    rotate(new_primary)
    here, before = keys.directory / "ring.json", (keys.directory / "ring.json").read_bytes()
    with monkeypatch.context() as dying:
        dies_at(dying, "kek.designated")
        with pytest.raises(KeyboardInterrupt):
            command("rotate_keys", "--to", old_primary, "--inline")
    after = here.read_bytes()
    here.write_bytes(before)  # another machine, to which nobody carried the new one yet
    with pytest.raises(KekRefused, match=r"rewraps for KEK .* rotate_keys --resume"):
        kek_life.retire_kek(find_record(old_primary), operator)
    # As it may stand in a vault where nothing refused that.
    KekRecord.objects.filter(kek_id=old_primary).update(retired_at=database_now(), destruction_due_at=database_now())
    here.write_bytes(after)

    command("rotate_keys", "--resume", "--inline")

    record = find_record(old_primary)
    assert (record.retired_at, record.destruction_due_at, record.replaced_at) == (None, None, None)
    store()


def test_an_upload_that_arrives_keeps_every_recovery_kek_from_retiring(
    keys: KeySources, alice: User, store: Store, operator: Actor
) -> None:
    """An intent does not say for which recovery KEKs it will be sealed."""
    store()
    first = kek_id("recovery").hex()
    with begin_upload(owner=alice, filename="a", content_type="", actor=operator) as upload:
        command("rotate_keys", "--recovery", add_recovery(keys), "--inline")
        with pytest.raises(KekInUse, match="1 uploads that arrive"):
            kek_life.retire_kek(find_record(first), operator)
        upload.write(b"x")
        upload.finish()


def test_new_keys_are_made_where_the_designated_ones_are_lost(
    keys: KeySources, tmp_path: Path, store: Store, new_primary: str
) -> None:
    store()
    rotate(new_primary)
    (keys.directory / "older" / "waiting.pem").unlink()
    (keys.directory / "primary.pem").unlink()
    with pytest.raises(CommandError, match=r"ring\.json away"):
        command("create_keyring", "--recovery-dir", str(tmp_path))
    (keys.directory / "ring.json").rename(tmp_path / "ring.json")
    command("create_keyring", "--recovery-dir", str(tmp_path))
    store()
