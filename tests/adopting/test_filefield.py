"""Files of another app: as documents of their people, or sealed under the names that its rows have."""

import io
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage
from pytest_django.fixtures import Settings

from documents import wiring
from documents.conf.storage_file import OwnConfig, StorageFile
from documents.failpoints import FailpointReached
from documents.filestorage import VaultStorage
from documents.models import AdoptedSource, Attachment, Document
from documents.storage.base import StorageProvider
from documents.storage.policies import Policy
from tests.adopting.older import Answer, call, content_of, counts_of, everything_below
from tests.parallel import in_parallel
from tests.payslips.models import Employee, Payslip

pytestmark = pytest.mark.django_db
FIELD = "payslips.Payslip.file"
LARGE = bytes(range(256)) * 4000


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The field's files lie in a directory."""
    storage = FileSystemStorage(tmp_path / "media")
    monkeypatch.setattr(Payslip._meta.get_field("file"), "storage", storage)
    return tmp_path / "media"


@pytest.fixture
def rows(media: Path, alice: User, bob: User) -> list[Payslip]:
    """One of Alice, one of Bob, one of nobody with an account, one without a file."""
    made = []
    for user, name, content in ((alice, "may.pdf", b"alice's"), (bob, "großes Bild.png", LARGE), (None, "x.txt", b"")):
        employee = Employee.objects.create(user=user, name=name)
        row = Payslip(employee=employee, month=date(2023, 5, 31))
        row.file.save(name, ContentFile(content))
        made.append(row)
    Payslip.objects.create(employee=made[0].employee, month=date(2023, 6, 30))
    return made


def adopt_field(*arguments: object, field: str = FIELD) -> Answer:
    return call("adopt_filefield", field, *arguments, "--no-input", "--format", "json")


def as_documents(*arguments: object) -> Answer:
    return adopt_field("--to", "documents", "--owner-field", "employee__user", "--date-field", "month", *arguments)


def test_each_file_becomes_a_document_of_its_person(rows: list[Payslip], media: Path, alice: User, bob: User) -> None:
    before, names = everything_below(media), list(Payslip.objects.values_list("pk", "file"))

    answer = as_documents("--system")

    assert (answer.status, counts_of(answer)) == (0, {"adopted": 3})
    found = {document.owner: document.current_attachment() for document in Document.objects.all()}
    assert content_of(found[alice]) == b"alice's"
    assert content_of(found[bob]) == LARGE
    assert content_of(found[None]) == b""
    assert (found[alice].filename, found[alice].content_type) == ("may.pdf", "application/pdf")
    assert found[alice].document.created_at == datetime(2023, 5, 31, tzinfo=UTC)
    assert everything_below(media) == before
    assert list(Payslip.objects.values_list("pk", "file")) == names


def test_who_has_no_account_is_told(rows: list[Payslip]) -> None:
    answer = as_documents()

    assert (answer.status, counts_of(answer)) == (1, {"adopted": 2, "failed": 1})
    assert answer.told["causes"] == {"no-owner": 1}


def test_again_adopts_nothing_but_a_file_that_was_exchanged(rows: list[Payslip], alice: User) -> None:
    as_documents("--system")
    assert counts_of(as_documents("--system")) == {"already-adopted": 3}
    rows[0].file.save("corrected.pdf", ContentFile(b"corrected"))

    assert counts_of(as_documents("--system")) == {"adopted": 1, "already-adopted": 2}
    assert {content_of(one) for one in Attachment.objects.filter(document__owner=alice)} == {b"alice's", b"corrected"}


def test_a_dry_run_tells_by_owner_and_changes_nothing(rows: list[Payslip]) -> None:
    answer = as_documents("--dry-run", "--system")

    assert counts_of(answer) == {"planned": 3}
    assert {name: told["count"] for name, told in answer.told["owners"].items()} == {
        "alice": 1,
        "bob": 1,
        "(the system)": 1,
    }
    assert not AdoptedSource.objects.exists()


def test_a_limit_and_small_batches(rows: list[Payslip]) -> None:
    assert counts_of(as_documents("--system", "--limit", 2, "--batch-size", 1)) == {"adopted": 2}
    assert counts_of(as_documents("--system", "--batch-size", 1)) == {"adopted": 1, "already-adopted": 2}


@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_the_limit_counts_what_is_worked_on(rows: list[Payslip], batch_size: int) -> None:
    """Run after run it goes on behind what was adopted before."""
    limited = ("--limit", 1, "--batch-size", batch_size)

    assert [counts_of(as_documents("--system", *limited)).get("adopted", 0) for _ in range(4)] == [1, 1, 1, 0]
    assert [counts_of(adopt_field("--to", "storage", *limited)).get("adopted", 0) for _ in range(4)] == [1, 1, 1, 0]


@pytest.mark.parametrize("to", ["documents", "storage"])
def test_the_limit_counts_no_failure(rows: list[Payslip], media: Path, to: str) -> None:
    (media / str(rows[0].file.name)).unlink()
    options = ("--to", to, "--limit", 1, *(["--system"] if to == "documents" else []))

    answers = [adopt_field(*options) for _ in range(3)]

    assert [counts_of(answer).get("adopted", 0) for answer in answers] == [1, 1, 0]
    assert counts_of(answers[0])["failed"] == 1


def test_a_missing_file_is_told_and_the_others_are_adopted(rows: list[Payslip], media: Path) -> None:
    (media / str(rows[0].file.name)).unlink()

    for answer in (as_documents("--system"), adopt_field("--to", "storage")):
        assert (answer.status, counts_of(answer)) == (1, {"adopted": 2, "failed": 1})
        assert answer.told["causes"] == {"source-missing": 1}


class Strange(InMemoryStorage):
    """Somebody else's storage, whose words hold a secret."""

    def size(self, name: str) -> int:
        raise LookupError(f"secret-canary of {name}")


def test_whatever_another_storage_raises_is_told_without_its_words(
    rows: list[Payslip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Payslip._meta.get_field("file"), "storage", Strange())

    answer = as_documents("--system")

    assert answer.told["causes"] == {"source-unreadable": 3}
    assert "LookupError" in answer.out
    assert "canary" not in answer.out + answer.err


def test_sealed_under_their_names_the_field_goes_on_with_the_other_storage(
    rows: list[Payslip], media: Path, monkeypatch: pytest.MonkeyPatch, provider: StorageProvider
) -> None:
    before = everything_below(media)

    answer = adopt_field("--to", "storage")

    assert (answer.status, counts_of(answer)) == (0, {"adopted": 3})
    assert everything_below(media) == before
    assert all(LARGE[:1000] not in provider.get(info.key) for info in provider.iter_locations("files/"))
    assert not Document.objects.exists()
    monkeypatch.setattr(Payslip._meta.get_field("file"), "storage", VaultStorage())
    opened = {row.pk: Payslip.objects.get(pk=row.pk).file for row in rows}
    assert [opened[row.pk].open().read() for row in rows] == [b"alice's", LARGE, b""]
    assert [opened[row.pk].size for row in rows] == [7, len(LARGE), 0]
    rows[0].refresh_from_db()
    rows[0].file.save("june.pdf", ContentFile(b"june"))
    assert rows[0].file.open().read() == b"june"


def test_sealing_under_names_again_compares_and_writes_nothing(rows: list[Payslip], provider: StorageProvider) -> None:
    adopt_field("--to", "storage")
    before = {info.key: info for info in provider.iter_locations("files/")}

    assert counts_of(adopt_field("--to", "storage")) == {"already-adopted": 3}
    assert counts_of(adopt_field("--to", "storage", "--dry-run")) == {"already-adopted": 3}
    assert {info.key: info for info in provider.iter_locations("files/")} == before


def test_another_content_under_the_name_is_told_and_left(rows: list[Payslip], media: Path) -> None:
    adopt_field("--to", "storage")
    (media / str(rows[0].file.name)).write_bytes(b"changed since")

    answer = adopt_field("--to", "storage")

    assert (answer.status, answer.told["causes"]) == (1, {"name-taken": 1})
    assert VaultStorage().open(str(rows[0].file.name)).read() == b"alice's"


def test_the_policy_decides_where_and_what(rows: list[Payslip], settings: Settings, provider: StorageProvider) -> None:
    here = settings.VAULT.storage_type
    policy = Policy("hr", store=here, max_size=1000, allowed_types=("application/pdf", "image/*"), key_prefix="hr")
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(policies=(policy,)))
    wiring.reset()

    answer = adopt_field("--to", "storage", "--policy", "hr")

    assert answer.told["causes"] == {"object-too-large": 1, "type-not-allowed": 1}
    assert [info.key for info in provider.iter_locations("hr/")] == [f"hr/files/{rows[0].file.name}"]
    assert adopt_field("--to", "storage", "--policy", "none").status == 2


@pytest.fixture
def lying(settings: Settings) -> StorageProvider:
    own = OwnConfig("tests.adopting.lying.Lying", options=())
    settings.VAULT = replace(
        settings.VAULT, storage_type="own", storage_file=StorageFile(stores=(("own", own),)), s3=None
    )
    wiring.reset()
    return wiring.store_itself("own")


def test_what_reads_back_otherwise_is_not_kept(rows: list[Payslip], lying: StorageProvider) -> None:
    answer = adopt_field("--to", "storage")

    assert answer.told["causes"] == {"integrity-mismatch": 3}
    assert list(lying.iter_locations()) == []


def test_dying_after_a_file_was_sealed_leaves_what_the_next_run_finds(
    rows: list[Payslip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_FAILPOINT", "adopt.file-sealed:raise")
    with suppress(FailpointReached):
        adopt_field("--to", "storage")
    monkeypatch.delenv("VAULT_FAILPOINT")

    assert counts_of(adopt_field("--to", "storage")) == {"adopted": 2, "already-adopted": 1}
    assert [VaultStorage().open(str(row.file.name)).read() for row in rows] == [b"alice's", LARGE, b""]


@pytest.mark.django_db(transaction=True)
def test_runs_at_once_with_threads_adopt_each_once(rows: list[Payslip]) -> None:
    answers = in_parallel(lambda: as_documents("--system", "--workers", 2), times=3)
    sealed = in_parallel(lambda: adopt_field("--to", "storage", "--workers", 2), times=3)

    assert sum(counts_of(answer).get("adopted", 0) for answer in answers) == 3
    assert sum(counts_of(answer).get("adopted", 0) for answer in sealed) == 3
    assert [answer.status for answer in (*answers, *sealed)] == [0] * 6
    assert Document.objects.count() == 3


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("payslips.Payslip.month", ("--to", "documents")),
        ("payslips.Payslip.none", ("--to", "documents")),
        ("payslips.None.file", ("--to", "documents")),
        ("file", ("--to", "documents")),
        (FIELD, ("--to", "documents", "--owner-field", "employee__boss")),
        (FIELD, ("--to", "documents", "--date-field", "file__x")),
        (FIELD, ("--to", "documents", "--policy", "documents")),
        (FIELD, ("--to", "storage", "--owner", "alice")),
        (FIELD, ("--to", "storage", "--from", "none")),
    ],
)
def test_a_wrong_call_is_told(rows: list[Payslip], field: str, arguments: tuple[str, ...]) -> None:
    assert adopt_field(*arguments, field=field).status == 2


def test_an_owner_that_is_no_person_is_told(rows: list[Payslip]) -> None:
    answer = adopt_field("--to", "documents", "--owner-field", "employee")

    assert answer.told["causes"] == {"unknown-owner": 3}


def test_a_field_that_is_sealed_already_is_refused_unless_its_former_storage_is_named(
    rows: list[Payslip], media: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    adopt_field("--to", "storage")
    monkeypatch.setattr(Payslip._meta.get_field("file"), "storage", VaultStorage())
    assert adopt_field("--to", "storage").status == 2
    former = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(media)}}
    settings.STORAGES = {**settings.STORAGES, "former": former}

    assert counts_of(adopt_field("--to", "storage", "--from", "former")) == {"already-adopted": 3}


def test_without_consent_nothing_is_done(rows: list[Payslip], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))

    answer = call("adopt_filefield", FIELD, "--to", "documents", "--owner-field", "employee__user", "--system")

    assert (answer.status, Document.objects.count()) == (2, 0)
    assert "To be adopted: 3" in answer.err
