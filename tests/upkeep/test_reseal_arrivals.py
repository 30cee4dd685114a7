"""What comes while a run seals anew: it succeeds where nothing of that is sealed for what nobody trusts now."""

import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from documents.conf import KeySources
from documents.encryption.vectors.keys import kek_id
from documents.models import Attachment, AuditEvent, Document, Payload, UpkeepRun
from documents.services import audit
from documents.services.actors import Actor
from documents.services.attributes import set_attributes
from documents.services.resealing import is_wrapped_in_header
from documents.services.staging import confirm_upload
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from documents.upkeep import reseal as reseal_module
from documents.upkeep.errors import StandsAside
from documents.upkeep.figures import figures_of
from documents.upkeep.reseal import begin_resealing
from documents.upkeep.rewrap import begin_rewrapping
from documents.upkeep.shares import open_shares
from documents.upkeep.worker import work_on
from tests.adopting.older import adopt, lay
from tests.conftest import Store
from tests.upkeep.rotating import attachment_of, done, hours_pass, rotate
from tests.upkeep.test_commands import run as command
from tests.upkeep.test_reseal_meanwhile import on_another_machine
from tests.upkeep.test_rewrap import content_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


def test_an_upload_that_arrives_is_named_and_sealed_anew_once_it_is_there(
    store: Store, provider: StorageProvider, alice: User, new_primary: str, old_primary: str, operator: Actor
) -> None:
    upload = begin_upload(owner=alice, filename="a.txt", content_type="text/plain", actor=operator)
    upload.write(b"begun before")
    rotate(new_primary)

    run = done(begin_resealing(operator, kek_id=old_primary))

    finding = run.findings.get()
    assert (run.state, finding.code, finding.subject) == ("failed", "arriving", upload.staged.pk)
    upload.finish()
    document = confirm_upload(upload.staged.pk, owner=alice, actor=operator)
    assert is_wrapped_in_header(provider, attachment_of(document).storage_path, bytes.fromhex(old_primary))
    assert done(begin_resealing(operator, kek_id=old_primary)).state == "succeeded"
    assert not is_wrapped_in_header(provider, attachment_of(document).storage_path, bytes.fromhex(old_primary))
    assert content_of(attachment_of(document), operator) == b"begun before"


@pytest.mark.parametrize("everything", [False, True])
def test_an_upload_that_arrives_for_the_present_keks_is_no_concern(
    everything: bool, alice: User, new_primary: str, old_primary: str, operator: Actor
) -> None:
    rotate(new_primary)
    with begin_upload(owner=alice, filename="a.txt", content_type="text/plain", actor=operator) as upload:
        upload.write(b"begun after")
        assert done(begin_resealing(operator, kek_id="" if everything else old_primary)).state == "succeeded"


@pytest.mark.parametrize("everything", [False, True])
def test_for_a_lost_recovery_key_those_count_that_were_begun_while_it_could_seal(
    everything: bool, keys: KeySources, alice: User, operator: Actor, tmp_path: Path
) -> None:
    lost = kek_id("recovery").hex()
    made = command("create_kek", "--recovery", "--recovery-dir", str(tmp_path / "stick")).strip()
    upload = begin_upload(owner=alice, filename="a.txt", content_type="text/plain", actor=operator)
    command("rotate_keys", "--recovery", made, "--inline")

    run = done(begin_resealing(operator, kek_id="" if everything else lost))

    assert [finding.code for finding in run.findings.all()] == ["arriving"]
    hours_pass()
    assert done(begin_resealing(operator, kek_id="" if everything else lost)).state == "succeeded"
    upload.abort()


def at_its_end(run: UpkeepRun, then: Callable[[], object], *, times: int = 1) -> UpkeepRun:
    """Work on it, and do something when a round is done, before it is seen whether there is another."""
    ends = iter(range(times))

    def keep() -> bool:
        run.refresh_from_db()
        if not open_shares(run).exists() and next(ends, None) is not None:
            then()
        return True

    work_on(run.pk, keep=keep)
    run.refresh_from_db()
    return run


@pytest.mark.parametrize("rewrapped", [False, True])
@pytest.mark.parametrize("everything", [False, True])
def test_what_a_machine_with_older_key_files_takes_meanwhile_is_sealed_anew_in_a_further_round(
    everything: bool,
    rewrapped: bool,
    keys: KeySources,
    store: Store,
    provider: StorageProvider,
    alice: User,
    new_primary: str,
    old_primary: str,
    operator: Actor,
) -> None:
    store(b"there before")
    rotate(new_primary)
    taken: list[Document] = []

    def meanwhile() -> None:
        with on_another_machine(keys):
            taken.append(store(b"for the stolen key"))
            set_attributes(taken[0].pk, {"note": "x" * 5000}, owner=alice, actor=operator)
        taken.append(store(b"for the new one"))
        if rewrapped:
            assert done(begin_rewrapping(operator)).state == "succeeded"

    run = at_its_end(begin_resealing(operator, kek_id="" if everything else old_primary), meanwhile)

    assert (run.state, run.round) == ("succeeded", 2)
    assert figures_of(run).seen == run.total
    paths = [attachment_of(taken[0]).storage_path, Payload.objects.get().storage_path]
    assert not any(is_wrapped_in_header(provider, path, bytes.fromhex(old_primary)) for path in paths)
    assert not AuditEvent.objects.filter(action="attachment.resealed", document_id=taken[1].pk).exists()
    assert content_of(attachment_of(taken[0]), operator) == b"for the stolen key"


@pytest.mark.parametrize("everything", [False, True])
def test_what_is_adopted_meanwhile_is_sealed_anew_however_old_its_original_is(
    everything: bool,
    keys: KeySources,
    store: Store,
    provider: StorageProvider,
    alice: User,
    new_primary: str,
    old_primary: str,
    operator: Actor,
    tmp_path: Path,
) -> None:
    store(b"there before")
    rotate(new_primary)
    path = lay(tmp_path / "old", f"documents/user_{alice.pk}/2024/01/15/a.pdf", b"%PDF-1.4 a deed")
    os.utime(path, (1.6e9, 1.6e9))

    def meanwhile() -> None:
        with on_another_machine(keys):
            assert adopt(tmp_path / "old", "--plain", "--owner", "alice").status == 0

    run = at_its_end(begin_resealing(operator, kek_id="" if everything else old_primary), meanwhile)

    assert (run.state, run.round) == ("succeeded", 2)
    for attachment in Attachment.objects.all():
        assert not is_wrapped_in_header(provider, attachment.storage_path, bytes.fromhex(old_primary))


def test_what_is_staged_meanwhile_is_named(
    keys: KeySources, store: Store, alice: User, new_primary: str, old_primary: str, operator: Actor
) -> None:
    rotate(new_primary)

    def meanwhile() -> None:
        upload = begin_upload(owner=alice, filename="a.txt", content_type="text/plain", actor=operator)
        upload.finish()

    def on_another() -> None:
        with on_another_machine(keys):
            meanwhile()
        meanwhile()

    run = at_its_end(begin_resealing(operator, kek_id=old_primary), on_another)

    assert [finding.code for finding in run.findings.all()] == ["not-confirmed"]
    assert (run.state, run.round) == ("failed", 2)


def test_a_damaged_object_that_came_meanwhile_is_named(
    keys: KeySources, store: Store, provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    rotate(new_primary)

    def meanwhile() -> None:
        with on_another_machine(keys):
            document = store(b"for the stolen key")
        assert done(begin_rewrapping(operator)).state == "succeeded"
        provider.delete(attachment_of(document).storage_path)

    run = at_its_end(begin_resealing(operator, kek_id=old_primary), meanwhile)

    assert (run.state, run.round, run.findings.count()) == ("failed", 2, 1)


def test_a_machine_that_goes_on_to_seal_for_the_lost_kek_lets_no_run_succeed(
    keys: KeySources,
    store: Store,
    new_primary: str,
    old_primary: str,
    operator: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reseal_module, "MOST_ROUNDS", 2)
    rotate(new_primary)

    def meanwhile() -> None:
        with on_another_machine(keys):
            store(b"for the stolen key")

    run = at_its_end(begin_resealing(operator, kek_id=old_primary), meanwhile, times=2)

    assert (run.state, run.round, "older key ring" in run.note) == ("interrupted", 2, True)


def test_what_counted_as_sealed_anew_is_looked_at_again(
    store: Store, provider: StorageProvider, new_primary: str, old_primary: str, operator: Actor
) -> None:
    """As a worker of an earlier release left it: sealed anew in this run, for the KEK that was stolen."""
    document = store(b"a contract")
    rotate(new_primary)
    run = begin_resealing(operator, kek_id=old_primary)
    audit.record("attachment.resealed", operator, document_id=document.pk, attachment_id=attachment_of(document).pk)

    assert (done(run).state, run.round) == ("succeeded", 2)

    assert not is_wrapped_in_header(provider, attachment_of(document).storage_path, bytes.fromhex(old_primary))


def test_a_worker_with_older_key_files_ends_no_run(
    keys: KeySources, store: Store, new_primary: str, old_primary: str, operator: Actor
) -> None:
    rotate(new_primary)
    run = begin_resealing(operator, kek_id=old_primary)
    run.shares.update(done_at=run.created_at)
    with on_another_machine(keys), pytest.raises(StandsAside):
        work_on(run.pk)
    assert done(run).state == "succeeded"


def test_within_the_hour_it_is_said_that_other_machines_may_seal_for_the_lost_kek(
    store: Store, new_primary: str, old_primary: str
) -> None:
    store()
    rotate(new_primary)
    assert "run this once more after that" in said("reseal_documents", "--kek", old_primary, "--inline")
    hours_pass()
    assert "run this once more" not in said("reseal_documents", "--kek", old_primary, "--inline")


def said(*arguments: str) -> str:
    err = StringIO()
    call_command(*arguments, stdout=StringIO(), stderr=err)
    return err.getvalue()
