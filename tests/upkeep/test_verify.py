"""The verifier tells the truth: of seeded defects exactly those, of a sound vault nothing; and it changes nothing."""

import hashlib
from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from documents import key_rings
from documents.errors import StorageUnavailable
from documents.models import Attachment, UpkeepFinding, UpkeepRun
from documents.services.actors import Actor
from documents.services.deletion import delete_document
from documents.services.verification import look_at
from documents.storage.base import StorageProvider
from documents.upkeep import runs, verify
from documents.upkeep.scrub import begin_scrub_if_due
from documents.upkeep.verify import begin_verifying
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.upkeep.defects import DAMAGES, Damage, Defect
from tests.upkeep.rotating import attachment_of

pytestmark = pytest.mark.django_db(transaction=True)


def verified(operator: Actor, *, deep: bool = False) -> UpkeepRun:
    run = begin_verifying(operator, deep=deep)
    work_on(run.pk)
    run.refresh_from_db()
    return run


def found(run: UpkeepRun) -> Counter[Defect]:
    return Counter(Defect(finding.code, finding.storage_path) for finding in run.findings.all())


def state_of(provider: StorageProvider) -> dict[str, str]:
    return {info.key: hashlib.sha256(provider.get(info.key)).hexdigest() for info in provider.iter_locations()}


@pytest.mark.parametrize("deep", [False, True])
def test_a_sound_vault_has_no_findings(store: Store, provider: StorageProvider, operator: Actor, *, deep: bool) -> None:
    for size in (0, 1, 262_144, 300_000):
        store(b"x" * size)
    run = verified(operator, deep=deep)
    assert (run.state, run.total, found(run)) == ("succeeded", 4, Counter())


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_defect_is_told_by_its_class_and_nothing_else_is(
    damage: Damage, store: Store, provider: StorageProvider, operator: Actor
) -> None:
    rows = [attachment_of(store(b"payslip %d" % number)) for number in range(3)]
    defect = damage(provider, rows[0], rows[1])
    run = verified(operator)
    assert found(run) == Counter([defect])
    assert run.state == "failed"


def seeded_defects(count: int, store: Store, provider: StorageProvider, random: Random) -> Counter[Defect]:
    rows = [attachment_of(store(random.randbytes(random.randrange(20_000)))) for _number in range(2 * count)]
    return Counter(
        DAMAGES[number % len(DAMAGES)](provider, rows[number], rows[count + number]) for number in range(count)
    )


@pytest.mark.parametrize("deep", [False, True])
def test_every_seeded_defect_is_told_once(
    store: Store, provider: StorageProvider, operator: Actor, *, deep: bool
) -> None:
    defects = seeded_defects(24, store, provider, Random(7))  # noqa: S311
    before, rows = state_of(provider), list(Attachment.objects.order_by("pk").values())
    assert found(verified(operator, deep=deep)) == defects
    assert state_of(provider) == before
    assert list(Attachment.objects.order_by("pk").values()) == rows


@pytest.mark.long
def test_two_hundred_seeded_defects_are_told_once(store: Store, provider: StorageProvider, operator: Actor) -> None:
    defects = seeded_defects(204, store, provider, Random(8))  # noqa: S311
    run = verified(operator, deep=True)
    assert found(run) == defects
    print(f"{len(defects)} defects of {len(DAMAGES)} kinds among {run.total} objects: told {run.findings.count()}")  # noqa: T201


def test_without_deep_no_key_is_needed(store: Store, operator: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    store()

    def refuse(*_arguments: object) -> bytes:
        raise AssertionError("a DEK was unwrapped")

    monkeypatch.setattr("documents.encryption.wrapping.RsaOpener.open_dek", refuse)
    assert verified(operator).state == "succeeded"


def test_a_defect_that_only_opening_shows_needs_deep(store: Store, provider: StorageProvider, operator: Actor) -> None:
    row = attachment_of(store(b"a payslip" * 100))
    body = bytearray(provider.get(row.storage_path))
    body[-1] ^= 1
    provider.delete(row.storage_path)
    provider.put_bytes(row.storage_path, bytes(body))
    Attachment.objects.filter(pk=row.pk).update(digest=hashlib.sha256(body).hexdigest())
    assert found(verified(operator)) == Counter()
    assert found(verified(operator, deep=True)) == Counter([Defect("does-not-open", row.storage_path)])


def test_what_is_deleted_while_it_is_looked_at_is_no_finding(
    store: Store, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = store()
    original = look_at

    def delete_before(*arguments: object, **options: object) -> object:
        if Attachment.objects.filter(document=document).exists():
            delete_document(document.pk, owner=document.owner, actor=operator)
        return original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(verify, "look_at", delete_before)
    monkeypatch.setattr(verify, "THREADS", 1)
    assert verified(operator).state == "succeeded"


def test_a_store_that_does_not_answer_stops_the_run_and_damages_nothing(
    store: Store, provider: StorageProvider, operator: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store()

    def refuse(*_arguments: object, **_options: object) -> object:
        raise StorageUnavailable("The store does not answer", provider=provider.name)

    monkeypatch.setattr(verify, "look_at", refuse)
    run = verified(operator)
    assert (run.state, UpkeepFinding.objects.count()) == ("interrupted", 0)
    monkeypatch.undo()
    runs.resume(run, operator)
    work_on(run.pk)
    run.refresh_from_db()
    assert run.state == "succeeded"


def test_a_scrub_begins_when_it_is_time(store: Store, operator: Actor) -> None:
    store()
    first = begin_scrub_if_due()
    assert first
    assert begin_scrub_if_due() is None
    work_on(first.pk)
    assert begin_scrub_if_due() is None
    UpkeepRun.objects.update(created_at=first.created_at - timedelta(days=31))
    assert begin_scrub_if_due()


def test_rows_are_read_in_batches(store: Store, operator: Actor) -> None:
    for number in range(5):
        store(b"%d" % number)
    key_rings.key_ring()
    with CaptureQueriesContext(connection) as few:
        verified(operator)
    for number in range(10):
        store(b"%d" % number)
    with CaptureQueriesContext(connection) as more:
        verified(operator)
    assert len(more) == len(few)
