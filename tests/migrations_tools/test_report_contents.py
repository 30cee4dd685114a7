"""A report says what an independent look at rows and stores says, whatever happened to the run."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from django.contrib.auth.models import User
from django.test.utils import CaptureQueriesContext

from documents.errors import StorageError
from documents.models import Attachment, Document
from documents.services.actors import Actor
from documents.services.deletion import delete_document
from documents.storage.base import StorageProvider
from migrations_tools import control, plan
from migrations_tools.models import MigrationItem, MigrationRun
from migrations_tools.plan import complete_plan
from migrations_tools.reports.codes import MEANINGS, meaning_of
from migrations_tools.reports.contents import report_of
from migrations_tools.reports.items import every_item, failed_items
from migrations_tools.reports.measures import CLASSES, MOST_BUCKETS
from migrations_tools.runner import work_on
from migrations_tools.states import ItemState, RunState
from tests.migrations_tools.moving import OPERATOR, Stores, is_whole, run_to
from tests.migrations_tools.reporting import run_of_rows, written

Store = Callable[..., Document]


def test_a_report_equals_an_independent_scan(
    stores: Stores, store: Store, here: StorageProvider, there: StorageProvider, as_alice: Actor
) -> None:
    """Nine documents: one there before, one lost, one damaged, one deleted in between, one whose key is taken."""
    store(b"moved before")
    run_to(stores.there)
    lost, damaged, deleted, taken = (store(f"{n}".encode() * 50).current_attachment() for n in range(4))
    others = [store(b"x" * 10 ** (n + 1)).current_attachment() for n in range(4)]
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    complete_plan(run)
    here.delete(lost.storage_path)
    body = here.get(damaged.storage_path)
    here.delete(damaged.storage_path)
    here.put_bytes(damaged.storage_path, body[:-1] + bytes([body[-1] ^ 1]))
    delete_document(deleted.document_id, owner=as_alice.user, actor=as_alice)
    there.put_bytes(taken.storage_path, b"somebody else's")
    work_on(run.pk)

    report = report_of(run)

    rows = {row.pk: row for row in Attachment.objects.all()}
    moved = [row for row in rows.values() if row.storage_type == stores.there and is_whole(row)]
    in_place = [row for row in rows.values() if row.storage_type == stores.here]
    assert report.successful + report.already_there == len(moved) == 5
    assert {item.object_id for item in failed_items(run)} == {row.pk for row in in_place}
    assert (report.total, report.successful, report.failed, report.skipped, report.pending) == (9, 4, 3, 2, 0)
    assert report.successful_bytes == sum(row.sealed_size for row in rows.values() if row.pk in {o.pk for o in others})
    assert Counter({cause.code: cause.count for cause in report.causes_of(ItemState.FAILED)}) == {
        "object-not-found": 1, "source-damaged": 1, "destination-taken": 1,
    }  # fmt: skip
    assert {cause.code: cause.count for cause in report.causes_of(ItemState.SKIPPED)} == {
        "deleted": 1, "already-there": 1,
    }  # fmt: skip
    assert there.get(taken.storage_path) == b"somebody else's"
    assert [(source.store, source.items) for source in report.sources] == [(stores.here, 8)]
    assert sum(bucket.items for bucket in report.throughput.buckets) == 4
    assert sum(bucket.size for bucket in report.throughput.buckets) == report.successful_bytes
    assert sum(size_class.items for size_class in report.sizes) == 8
    assert sum(size_class.size for size_class in report.sizes) == report.total_bytes


def test_every_item_is_in_the_csv_as_its_row_has_it(stores: Stores, store: Store, here: StorageProvider) -> None:
    attachments = [store(f"{n}".encode()).current_attachment() for n in range(3)]
    here.delete(attachments[0].storage_path)
    run = run_to(stores.there)

    rows = list(csv.DictReader(io.StringIO(written(run, "csv"), newline="")))

    items = {str(item.object_id): item for item in run.items.all()}
    assert {row["object_id"] for row in rows} == set(items) == {str(each.pk) for each in attachments}
    for row in rows:
        item = items[row["object_id"]]
        assert (row["state"], row["code"], row["detail"]) == (item.state, item.code, item.detail)
        assert (row["source_key"], row["destination_key"]) == (item.source_path, item.destination_path)
        assert (int(row["bytes"]), row["sha256"]) == (item.size, item.digest)


def test_after_a_retry_the_report_tells_the_new_outcome(stores: Stores, store: Store, here: StorageProvider) -> None:
    attachment = store(b"comes back").current_attachment()
    body = here.get(attachment.storage_path)
    here.delete(attachment.storage_path)
    run = run_to(stores.there)
    before = report_of(run)
    here.put_bytes(attachment.storage_path, body)
    control.retry_failed(run, OPERATOR)
    waiting = report_of(run)
    work_on(run.pk)
    after = report_of(run)

    assert (before.failed, before.successful, before.state) == (1, 0, RunState.FAILED)
    assert (waiting.failed, waiting.pending, waiting.finished_at) == (0, 1, None)
    assert (after.failed, after.successful, after.state) == (0, 1, RunState.SUCCEEDED)
    assert after.causes == ()


def test_a_run_with_no_items_has_a_report_in_every_form(stores: Stores) -> None:
    run = run_to(stores.there)

    report = report_of(run)

    assert (report.total, report.bytes_per_second, report.causes, report.state) == (0, 0, (), "succeeded")
    assert "Total:      0\nSuccessful: 0 " in written(run, "text")
    assert json.loads(written(run, "json"))["failed_items"] == []
    assert written(run, "csv").count("\r\n") == 1
    assert "Run" in written(run, "html")


def test_a_run_that_never_began_has_a_report(db: None) -> None:
    run = MigrationRun.objects.create(destination="there")

    assert report_of(run).throughput.buckets == ()
    assert "Started: not yet" in written(run, "text")
    assert json.loads(written(run, "json"))["run"]["started_at"] is None
    assert "Throughput" not in written(run, "html")


def test_a_cancelled_run_tells_what_it_left(stores: Stores, store: Store) -> None:
    store(b"stays")
    run = control.create(MigrationRun(destination=stores.there), OPERATOR)
    control.begin(run)
    complete_plan(run)
    control.cancel(run, OPERATOR)

    report = report_of(run)

    assert (report.state, report.skipped) == (RunState.CANCELLED, 1)
    assert [cause.code for cause in report.causes] == ["cancelled"]


def test_throughput_is_counted_in_no_more_than_sixty_parts(db: None) -> None:
    run = run_of_rows(300, state=ItemState.DONE)
    for number, item in enumerate(run.items.all()):
        moment = run.finished_at - timedelta(minutes=10) * (number / 299) if run.finished_at else None
        MigrationItem.objects.filter(pk=item.pk).update(finished_at=moment)

    throughput = report_of(run).throughput

    assert throughput.width == timedelta(seconds=10)
    assert len(throughput.buckets) == MOST_BUCKETS
    assert {bucket.items for bucket in throughput.buckets} <= {4, 5, 6}
    assert sum(bucket.items for bucket in throughput.buckets) == 300
    assert throughput.buckets[0].at == run.started_at
    assert sum(bucket.size for bucket in throughput.buckets) == 300 * 1000


def test_a_run_of_weeks_has_parts_of_whole_days(db: None) -> None:
    run = run_of_rows(1, state=ItemState.DONE)
    MigrationRun.objects.filter(pk=run.pk).update(started_at=run.finished_at - timedelta(days=130))  # type: ignore[operator]

    throughput = report_of(run).throughput

    assert (throughput.width, len(throughput.buckets)) == (timedelta(days=3), 44)
    assert [bucket.items for bucket in throughput.buckets] == [0] * 43 + [1]


def test_sizes_are_counted_by_class(db: None) -> None:
    sizes = [0, 4095, 4096, 2**20, 2**32 - 1, 2**32, 5 * 10**12]
    run = run_of_rows(len(sizes), each=lambda number: {"size": sizes[number]})

    found = report_of(run).sizes

    assert [each.below for each in found] == [*CLASSES, None]
    assert [each.items for each in found] == [2, 1, 0, 1, 0, 1, 2]
    assert found[-1].size == 2**32 + 5 * 10**12


def test_as_many_queries_whatever_the_number(
    db: None, django_assert_num_queries: Callable[..., CaptureQueriesContext]
) -> None:
    for count in (1, 700):
        run = run_of_rows(count)
        with django_assert_num_queries(12):
            report_of(run)


def test_each_item_is_listed_once_in_batches(db: None) -> None:
    run = run_of_rows(1300)
    # One object from two stores, where two batches meet.
    double = run.items.order_by("object_id")[499]
    MigrationItem.objects.filter(pk=run.items.order_by("object_id")[500].pk).update(
        object_id=double.object_id, source_type="hither"
    )

    assert len(list(every_item(run))) == 1300
    assert len({(item.object_id, item.source) for item in every_item(run)}) == 1300
    assert len({(item.object_id, item.source) for item in failed_items(run)}) == 1300


def test_every_code_has_words() -> None:
    def codes_below(kind: type[StorageError]) -> set[str]:
        return {kind.code}.union(
            *(codes_below(each) for each in kind.__subclasses__() if "tests" not in each.__module__)
        )

    assert codes_below(StorageError) | set(plan.REFUSALS) <= set(MEANINGS)
    assert all(meaning.sentence.endswith(".") and meaning.advice.endswith(".") for meaning in MEANINGS.values())
    assert meaning_of("of-another-version").advice


def test_who_began_the_run_and_what_it_was_asked_for_are_told_by_ids(stores: Stores, store: Store, alice: User) -> None:
    store(b"1")
    run = control.create(MigrationRun(destination=stores.there, owner=alice, max_items=5), Actor(alice, "admin"))
    work_on(run.pk)

    report = report_of(run)

    assert (report.created_by, report.options.owner, report.options.max_items) == (alice.pk, alice.pk, 5)
    assert f"documents of user {alice.pk}; at most 5 items" in written(run, "text")
