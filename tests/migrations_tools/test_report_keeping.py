"""The report of a run that is over is kept once, signed, and replaced when the run was tried again."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.conf import KeySources
from documents.encryption.keyring import load_origin_key
from documents.encryption.origin import origin_message
from documents.encryption.vectors.keys import pem_of
from documents.failpoints import FailpointReached
from documents.models import Document
from documents.models.clock import database_now
from documents.storage.base import StorageProvider
from migrations_tools import control, tasks, workers
from migrations_tools.models import MigrationItem, MigrationReport, MigrationRun
from migrations_tools.reports.keeping import keep_report, keep_reports
from migrations_tools.reports.kept import runs_without_report
from migrations_tools.runner import work_on
from migrations_tools.states import ItemState, RunState
from tests.migrations_tools.moving import OPERATOR, Stores, run_to
from tests.migrations_tools.reporting import run_of_rows, written

Store = Callable[..., Document]
LABEL = b"document-vault migration report v1\n"


def origin_public_key(name: str = "origin") -> Ed25519PublicKey:
    return load_origin_key(pem_of(name)).public_key()


@pytest.fixture
def without_private_key(settings: Settings, tmp_path: Path) -> Iterator[None]:
    """A process that has the origin key's public half alone."""
    pem = origin_public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    settings.VAULT = replace(settings.VAULT, keys=replace(settings.VAULT.keys, origin_pem=pem))
    yield
    key_rings.reset()


def test_a_worker_that_ends_a_run_keeps_its_report(stores: Stores, store: Store) -> None:
    store(b"1")
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    place = next(workers.free_places(run))

    tasks.work_on_run(run.pk, place.number, place.ticket)

    kept = MigrationReport.objects.get(run=run)
    assert json.loads(kept.body)["items"]["successful"] == 1
    assert kept.signed_by
    tasks.work_on_run(run.pk, place.number, place.ticket)
    tasks.work_on_run(10**9, place.number, str(uuid4()))
    assert MigrationReport.objects.get().created_at == kept.created_at


def test_the_signature_is_the_origin_keys_on_the_canonical_text(stores: Stores) -> None:
    kept = keep_report(run_to(stores.there))

    assert kept is not None
    key = origin_public_key()
    value = base64.b64decode(kept.signature)
    key.verify(value, LABEL + kept.body.encode())
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert kept.signed_by == hashlib.sha256(der).hexdigest()
    assert kept.body == json.dumps(json.loads(kept.body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for other in (kept.body.encode(), origin_message(kept.body.encode())):  # neither without a label nor with another
        with pytest.raises(InvalidSignature):
            key.verify(value, other)


def test_keeping_twice_keeps_the_first(stores: Stores) -> None:
    run = run_to(stores.there)

    first, second = keep_report(run), keep_report(run)

    assert first is not None
    assert second is not None
    assert (first.pk, first.body, first.created_at) == (second.pk, second.body, second.created_at)
    assert MigrationReport.objects.count() == 1


@pytest.mark.parametrize("state", ["queued", "running", "pausing", "paused", "interrupted", "cancelling"])
def test_a_run_that_is_not_over_has_no_report_to_keep(db: None, state: str) -> None:
    run = MigrationRun.objects.create(destination="there", state=state)

    assert keep_report(run) is None
    assert not runs_without_report().exists()
    assert json.loads(written(run, "json"))["signature"] is None


def test_the_report_waits_for_a_worker_that_may_still_write(db: None) -> None:
    run = run_of_rows(1, state=ItemState.PENDING)
    MigrationRun.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    run.items.update(lease=uuid4(), lease_until=database_now() + timedelta(minutes=1))
    assert keep_report(run) is None

    run.items.update(lease_until=database_now() - timedelta(minutes=1))

    assert keep_report(run) is not None


def test_what_was_written_after_the_end_makes_a_new_report(db: None) -> None:
    run = run_of_rows(2, state=ItemState.PENDING)
    MigrationRun.objects.filter(pk=run.pk).update(state=RunState.FAILED)
    assert keep_report(run) is not None
    item = run.items.order_by("pk")[0]
    MigrationItem.objects.filter(pk=item.pk).update(
        state=ItemState.DONE, finished_at=database_now() + timedelta(seconds=1)
    )

    tasks.sweep_runs()

    assert json.loads(MigrationReport.objects.get(run=run).body)["items"]["successful"] == 1


def test_a_retried_run_replaces_its_report(stores: Stores, store: Store, here: StorageProvider) -> None:
    attachment = store(b"comes back").current_attachment()
    body = here.get(attachment.storage_path)
    here.delete(attachment.storage_path)
    run = run_to(stores.there)
    first = keep_report(run)
    here.put_bytes(attachment.storage_path, body)
    control.retry_failed(run, OPERATOR)
    assert keep_report(run) is None
    assert json.loads(written(run, "json"))["signature"] is None  # of the run as it is now, not as it was
    work_on(run.pk)

    tasks.sweep_runs()

    second = MigrationReport.objects.get(run=run)
    assert first is not None
    assert json.loads(first.body)["items"] != json.loads(second.body)["items"]
    assert json.loads(second.body)["run"]["state"] == "succeeded"
    origin_public_key().verify(base64.b64decode(second.signature), LABEL + second.body.encode())


def test_a_process_without_the_private_key_leaves_the_signature_to_another(
    stores: Stores, without_private_key: None, settings: Settings
) -> None:
    run = run_to(stores.there)
    unsigned = keep_report(run)
    tasks.sweep_runs()
    assert unsigned is not None
    assert (unsigned.signature, unsigned.signed_by) == ("", "")
    assert json.loads(written(run, "json"))["signature"] is None

    settings.VAULT = replace(settings.VAULT, keys=replace(settings.VAULT.keys, origin_pem=pem_of("origin").decode()))
    tasks.sweep_runs()

    signed = MigrationReport.objects.get(run=run)
    assert (signed.body, signed.created_at) == (unsigned.body, unsigned.created_at)
    origin_public_key().verify(base64.b64decode(signed.signature), LABEL + signed.body.encode())


def test_a_process_without_any_key_keeps_reports_all_the_same(
    stores: Stores, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.VAULT = replace(settings.VAULT, keys=KeySources(directory=tmp_path / "none"))

    kept = keep_report(run_to(stores.there))
    keep_reports()

    assert kept is not None
    assert kept.signature == ""


@pytest.mark.parametrize("name", ["migrate.report-in-transaction", "migrate.report-kept"])
def test_a_process_that_dies_while_it_keeps_a_report_is_made_good(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = run_to(stores.there)
    monkeypatch.setenv("VAULT_FAILPOINT", f"{name}:raise")
    with pytest.raises(FailpointReached):
        keep_report(run)
    assert not MigrationReport.objects.exclude(signature="").exists()
    monkeypatch.delenv("VAULT_FAILPOINT")

    tasks.sweep_runs()

    kept = MigrationReport.objects.get(run=run)
    origin_public_key().verify(base64.b64decode(kept.signature), LABEL + kept.body.encode())
