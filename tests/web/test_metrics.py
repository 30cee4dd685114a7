"""What Prometheus reads, and who may."""

from dataclasses import replace

import pytest
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from documents.services.actors import SYSTEM
from documents.services.metrics import rows
from documents.storage.base import StorageProvider
from documents.upkeep.verify import begin_verifying
from documents.upkeep.worker import work_on
from tests.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-of-enough-letters"


@pytest.fixture(autouse=True)
def fresh_rows() -> None:
    rows.forget()


@pytest.fixture
def client() -> Client:
    """A browser on the vault's own machine."""
    return Client(headers={"Host": "localhost"})


def samples(client: Client) -> dict[tuple[str, str], float]:
    """Each sample by its name and its label values."""
    answer = client.get("/metrics")
    assert (answer.status_code, answer["Cache-Control"].split(",")[0]) == (200, "max-age=0")
    families = text_string_to_metric_families(answer.content.decode())
    return {
        (sample.name, " ".join(sorted(sample.labels.values()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_wraps_and_findings_are_told(client: Client, store: Store, provider: StorageProvider) -> None:
    provider.delete(store(b"a payslip").current_attachment().storage_path)
    work_on(begin_verifying(SYSTEM).pk)
    told = samples(client)
    assert told["vault_attachments_by_wrap", "rsa-oaep"] == 1
    assert told["vault_findings", "missing"] == 1


def test_operations_and_rows_are_told(client: Client, store: Store, provider: StorageProvider) -> None:
    before = samples(client)
    document = store(b"a payslip")
    rows.forget()
    after = samples(client)

    def grown(name: str, *labels: str) -> float:
        place = name, " ".join(sorted(labels))
        return after[place] - before.get(place, 0)

    assert after["vault_documents", ""] == 1
    assert after["vault_stored_objects", f"attachment {provider.name}"] == 1
    assert after["vault_stored_bytes", f"attachment {provider.name}"] == document.current_attachment().sealed_size
    assert grown("storage_operations_total", provider.name, "commit", "ok") == 1
    assert grown("storage_operation_duration_seconds_count", provider.name, "commit") == 1
    assert grown("storage_bytes_transferred_total", provider.name, "written") > 9
    assert grown("vault_events_total", "document.created") == 1


def test_counters_are_told_without_a_database(client: Client, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store()

    def refuse(*_arguments: object) -> None:
        raise OperationalError("the database is down")

    monkeypatch.setattr("django.db.models.sql.compiler.SQLCompiler.execute_sql", refuse)
    told = samples(client)
    assert told["vault_rows_up", ""] == 0
    assert any(name == "storage_operations_total" for name, _labels in told)


def test_no_key_and_no_name_is_a_label(client: Client, store: Store) -> None:
    document = store(b"a payslip", filename="canary-name.pdf", title="canary title")
    text = client.get("/metrics").content.decode()
    for secret in ("canary", str(document.pk), str(document.current_attachment().pk), "alice"):
        assert secret not in text


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Host"])
def test_without_a_token_only_this_machine_reads_them(client: Client, header: str) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="::1", headers={"Host": "[::1]:8000"}).status_code == 200
    assert client.get("/metrics", headers={"Host": "rebound.example"}).status_code == 401
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 401
    assert client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 401


def test_behind_a_proxy_nobody_reads_them_without_a_token(client: Client, settings: Settings) -> None:
    settings.BEHIND_PROXY = True
    assert client.get("/metrics").status_code == 401


def test_a_token_opens_them_from_anywhere(client: Client, settings: Settings) -> None:
    settings.VAULT = replace(settings.VAULT, metrics_token=TOKEN)
    for given in ("", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, "Bearer é"):
        assert client.get("/metrics", headers={"Authorization": given}).status_code == 401
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, REMOTE_ADDR="192.0.2.1")
    assert answer.status_code == 200
    assert client.post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405
