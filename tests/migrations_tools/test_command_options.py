"""The options of ``migrate_documents_to_storage``: what each makes of the run, and what is refused before it begins."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import ManagementUtility
from kombu.exceptions import OperationalError
from pytest_django.fixtures import Settings

from documents.errors import StorageUnavailable
from documents.models import Attachment
from migrations_tools import tasks
from migrations_tools.management import watching
from migrations_tools.models import MigrationRun
from migrations_tools.states import RunState
from tests.conftest import Store
from tests.migrations_tools.commanding import MIGRATE, migrate
from tests.migrations_tools.moving import Stores, There, outcomes


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        ((), "batch_size", 100),
        ((), "workers", 2),
        ((), "threads", 8),
        ((), "bandwidth", 0),
        ((), "max_items", None),
        (("--batch-size", "7"), "batch_size", 7),
        (("--workers", "3"), "workers", 3),
        (("--threads", "1"), "threads", 1),
        (("--limit", "5"), "max_items", 5),
        (("--since", "2026-01-31"), "since", datetime(2026, 1, 31, tzinfo=UTC)),
        (("--since", "2026-01-31T08:00:00+01:00"), "since", datetime(2026, 1, 31, 7, tzinfo=UTC)),
        (("--since", "2026-01-31 08:00"), "since", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        (("--bandwidth", "1500"), "bandwidth", 1500),
        (("--bandwidth", "500k"), "bandwidth", 500_000),
        (("--bandwidth", "20M"), "bandwidth", 20_000_000),
        (("--bandwidth", "20MB/s"), "bandwidth", 20_000_000),
        (("--bandwidth", "1Gi"), "bandwidth", 2**30),
        (("--bandwidth", "4KiB"), "bandwidth", 4096),
    ],
)
def test_an_option_is_kept_with_the_run(stores: Stores, arguments: tuple[str, ...], field: str, value: object) -> None:
    assert migrate(stores.there, *arguments).status == 0

    assert getattr(MigrationRun.objects.get(), field) == value


@pytest.mark.parametrize(
    "arguments",
    [
        ("--batch-size", "0"),
        ("--batch-size", "1001"),
        ("--workers", "-1"),
        ("--workers", "2000000000"),
        ("--threads", "x"),
        ("--threads", "1001"),
        ("--limit", "0"),
        ("--limit", "9999999999"),
        ("--since", "yesterday"),
        ("--since", "2026-02-30"),
        ("--bandwidth", "0"),
        ("--bandwidth", "fast"),
        ("--bandwidth", "-1M"),
        ("--bandwidth", "9999999999G"),
        ("--format", "pdf"),
        ("--resume", "0"),
        ("--verify", "--purge-source"),
        ("--resume", "--retry-failed", "1"),
    ],
)
def test_a_malformed_option_is_a_wrong_call(
    stores: Stores, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        ManagementUtility(["manage.py", MIGRATE, stores.there, *arguments]).execute()

    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
    assert not MigrationRun.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Say which store"),
        (("nowhere",), "No store 'nowhere' is configured; there is "),
        (("there", "--user", "nobody"), "There is no person 'nobody'."),
        (("there", "--dry-run", "--resume"), "--dry-run is about a new run: leave --resume and --retry-failed out."),
        (("there", "--dry-run", "--retry-failed", "1"), "--dry-run is about a new run"),
        (("there", "--dry-run", "--format", "csv"), "--dry-run writes text or JSON, no csv: leave --format out"),
        (("there", "--dry-run", "--format", "html"), "--dry-run writes text or JSON, no html"),
        (("there", "--purge-source", "--since", "2026-01-31"), "--purge-source takes no --user and no --since."),
    ],
)
def test_what_is_not_there_is_named(stores: Stores, arguments: tuple[str, ...], said: str) -> None:
    answer = migrate(*arguments)

    assert (answer.status, answer.out) == (2, "")
    assert said in answer.said
    assert not MigrationRun.objects.exists()


def test_a_run_is_narrowed_to_a_person_and_to_a_number(stores: Stores, store: Store, bob: User) -> None:
    for number in range(3):
        store(f"{number}".encode())
    his = store(b"his", owner=bob).current_attachment()

    assert migrate(stores.there, "--user", "bob").status == 0
    assert list(Attachment.objects.filter(storage_type=stores.there)) == [his]
    assert migrate(stores.there, "--limit", "2").status == 0
    assert Attachment.objects.filter(storage_type=stores.there).count() == 3


@pytest.mark.parametrize("broker", ["redis://127.0.0.1:1/0"], indirect=True)
def test_without_a_broker_it_does_the_work_itself(stores: Stores, store: Store, broker: None) -> None:
    store()

    answer = migrate(stores.there)

    assert answer.status == 0
    assert "The broker does not answer" in answer.err
    assert outcomes(MigrationRun.objects.get()) == {"done": 1}


def test_what_a_broker_says_is_told_without_what_grants_access(
    stores: Stores, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_message: object, **_options: object) -> None:
        raise OperationalError("403 for https://sqs.example.org/q?X-Amz-Credential=AKIA1&X-Amz-Signature=c0ffee")

    monkeypatch.setattr(tasks.work_on_run, "apply_async", away)
    store()

    told = migrate(stores.there).err

    assert "The broker does not answer (403 for https://sqs.example.org/q?" in told
    assert "AKIA1" not in told
    assert "c0ffee" not in told


def test_what_a_store_says_is_told_without_what_grants_access(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(store: There, *_key: object) -> bool:
        raise StorageUnavailable("503 for https://b.example.org/k?X-Amz-Signature=c0ffee", provider=store.name)

    for name in ("exists", "put_bytes", "put_stream"):
        monkeypatch.setattr(There, name, away)

    for answer in (migrate(stores.there), migrate(stores.there, "--dry-run")):
        assert answer.status == 1
        assert "503 for https://b.example.org/k?" in answer.said + answer.out
        assert "c0ffee" not in answer.said + answer.out


@pytest.mark.parametrize("broker", ["memory://"], indirect=True)
def test_without_a_worker_it_does_the_work_itself_after_a_while(
    stores: Stores, store: Store, broker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PATIENCE", timedelta(seconds=0.1))
    monkeypatch.setattr(watching, "LOOK", 0.02)
    store()

    answer = migrate(stores.there)

    assert answer.status == 0
    assert "No worker is at it" in answer.err
    assert outcomes(MigrationRun.objects.get()) == {"done": 1}


@pytest.mark.parametrize("broker", ["redis://127.0.0.1:1/0"], indirect=True)
def test_inline_asks_no_broker(stores: Stores, store: Store, broker: None, settings: Settings) -> None:
    store()

    answer = migrate(stores.there, "--inline")

    assert (answer.status, "broker" in answer.err, "worker" in answer.err) == (0, False, False)
    assert MigrationRun.objects.get().state == RunState.SUCCEEDED
