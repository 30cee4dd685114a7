"""Sealing anew after a wrong call, with older key files, and where a rotation came between."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from documents.conf import KeySources
from documents.encryption.vectors.keys import kek_id
from documents.errors import RetiredKek
from documents.models import Document, Payload, StagedAttachment, UpkeepRun
from documents.models.clock import database_now
from documents.services import receiving
from documents.services.actors import Actor
from documents.services.attributes import attributes_of, set_attributes
from documents.services.renaming import rename_document
from documents.services.resealing import is_wrapped_in_header, reseal
from documents.storage.base import StorageProvider
from documents.upkeep import reseal as reseal_module
from documents.upkeep import runs
from documents.upkeep.errors import RunRefused, StandsAside
from documents.upkeep.reseal import begin_resealing
from documents.upkeep.tasks import work_on_run
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.upkeep.rotating import attachment_of, dies_at, done, hours_pass, make_primary, rotate
from tests.upkeep.test_commands import refused
from tests.upkeep.test_commands import run as command
from tests.upkeep.test_rewrap import content_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("keys")]


@pytest.mark.parametrize("empty", ["", " ", "sha256:"])
@pytest.mark.parametrize(("option", "why"), [("--kek", "No KEK has an id"), ("--document", "There is no document")])
def test_an_option_that_a_shell_left_empty_seals_nothing_anew(option: str, why: str, empty: str, store: Store) -> None:
    document = store()
    before = attachment_of(document).storage_path

    message, status = refused("reseal_documents", option, empty, "--inline")

    assert (status, message.startswith(why)) == (2, True), message
    assert attachment_of(document).storage_path == before
    assert not UpkeepRun.objects.exists()


def test_a_document_that_is_not_there_is_refused() -> None:
    gone = str(uuid4())
    assert refused("reseal_documents", "--document", gone) == (f"There is no document '{gone}'.", 2)


@contextmanager
def on_another_machine(keys: KeySources) -> Iterator[None]:
    """As a process is whose machine was not given the vault's new ring.json yet."""
    ring = keys.directory / "ring.json"
    present = ring.read_bytes()
    ring.unlink()
    yield
    ring.write_bytes(present)


@pytest.mark.parametrize("later", [False, True], ids=["within the hour", "after it"])
@pytest.mark.parametrize("everything", [False, True])
def test_a_worker_with_older_key_files_seals_nothing_anew_and_the_run_goes_on_without_it(
    everything: bool,
    later: bool,
    keys: KeySources,
    store: Store,
    provider: StorageProvider,
    new_primary: str,
    old_primary: str,
    operator: Actor,
) -> None:
    document = store(b"a contract")
    before = attachment_of(document).storage_path
    rotate(new_primary)
    if later:
        hours_pass()
    run = begin_resealing(operator, kek_id="" if everything else old_primary)

    with on_another_machine(keys):
        with pytest.raises(StandsAside, match="older than the vault's"):
            work_on(run.pk)
        work_on_run(run.pk)

    run.refresh_from_db()
    assert (run.state, "older than the vault's" in run.note) == ("running", True)
    assert attachment_of(document).storage_path == before
    assert not StagedAttachment.objects.exists()
    assert done(run).state == "succeeded"
    assert not is_wrapped_in_header(provider, attachment_of(document).storage_path, bytes.fromhex(old_primary))


def test_no_run_is_begun_with_older_key_files(
    keys: KeySources, store: Store, new_primary: str, operator: Actor
) -> None:
    store()
    rotate(new_primary)
    with on_another_machine(keys), pytest.raises(RunRefused, match="older than the vault's"):
        begin_resealing(operator)
    assert not UpkeepRun.objects.filter(kind="reseal").exists()


@pytest.mark.parametrize("begun_by", ["this release", "an earlier one"])
def test_a_run_stands_still_where_a_rotation_came_between(
    begun_by: str, store: Store, new_primary: str, operator: Actor
) -> None:
    document = store(b"a contract")
    before = attachment_of(document).storage_path
    run = begin_resealing(operator)
    if begun_by == "an earlier one":
        _forget_recipients(run)
    make_primary(new_primary)

    run = done(run)

    assert (run.state, "--cancel" in run.note) == ("interrupted", True)
    assert attachment_of(document).storage_path == before
    runs.cancel(run, operator)
    assert done(begin_resealing(operator)).state == "succeeded"
    assert content_of(attachment_of(document), operator) == b"a contract"


def test_a_run_that_an_earlier_release_began_goes_on(store: Store, operator: Actor) -> None:
    document = store()
    before = attachment_of(document).storage_path
    run = begin_resealing(operator)
    _forget_recipients(run)
    assert done(run).state == "succeeded"
    assert attachment_of(document).storage_path != before


def _forget_recipients(run: UpkeepRun) -> None:
    run.options.pop("recipients")
    run.save()


def test_an_object_whose_kek_is_replaced_while_it_is_sealed_takes_no_place(
    store: Store, provider: StorageProvider, new_primary: str, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = store(b"a contract")
    old = attachment_of(document)
    dies_at(monkeypatch, "upload.object-stored", lambda: make_primary(new_primary), module=receiving)

    with pytest.raises(RetiredKek, match="replaced"):
        reseal(old, operator)

    assert attachment_of(document).pk == old.pk
    assert [info.key for info in provider.iter_locations("documents/")] == [old.storage_path]
    assert content_of(attachment_of(document), operator) == b"a contract"


@pytest.mark.parametrize("often", [1, 1000])
def test_attributes_of_a_document_that_is_renamed_meanwhile_are_sealed_anew_or_named(
    often: int,
    store: Store,
    provider: StorageProvider,
    alice: User,
    new_primary: str,
    old_primary: str,
    operator: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = store()
    set_attributes(document.pk, {"note": "x" * 5000}, owner=alice, actor=operator)
    rotate(new_primary)
    Payload.objects.update(created_at=database_now() - timedelta(days=30))
    titles = iter([f"Title {number}" for number in range(often)])

    def renamed_meanwhile(read: Document, *, actor: Actor) -> object:
        attributes = attributes_of(read, actor=actor)
        if title := next(titles, None):
            rename_document(read.pk, title, owner=alice, actor=operator)
        return attributes

    monkeypatch.setattr(reseal_module, "attributes_of", renamed_meanwhile)
    run = done(begin_resealing(operator, kek_id=old_primary))

    is_named = [finding.code for finding in run.findings.all()] == ["document-changed"]
    path = Payload.objects.get().storage_path
    assert is_wrapped_in_header(provider, path, bytes.fromhex(old_primary)) == is_named == (often > 1)
    assert run.state == ("failed" if is_named else "succeeded")


def test_what_a_killed_worker_was_about_to_seal_anew_does_not_arrive(
    keys: KeySources, store: Store, operator: Actor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()
    lost = kek_id("recovery").hex()
    made = command("create_kek", "--recovery", "--recovery-dir", str(tmp_path / "stick")).strip()
    command("rotate_keys", "--recovery", made, "--inline")
    run = begin_resealing(operator, kek_id=lost)
    with monkeypatch.context() as killed:
        dies_at(killed, "upload.object-stored", module=receiving)
        killed.setattr(receiving.Receiving, "abort", lambda _self, **_options: None)
        with pytest.raises(KeyboardInterrupt):
            done(run)
    assert StagedAttachment.objects.get().state == "receiving"

    assert done(run).state == "succeeded"


def test_a_run_that_is_given_up_is_not_said_to_be_done(store: Store, new_primary: str, old_primary: str) -> None:
    store()
    rotate(new_primary)
    command("reseal_documents", "--kek", old_primary, "--inline")
    begin_resealing(Actor(user=None, via="command"), kek_id=old_primary)
    err = StringIO()
    call_command("reseal_documents", "--cancel", stdout=StringIO(), stderr=err)
    assert ("is cancelled" in err.getvalue(), "sealed anew" in err.getvalue()) == (True, False)
