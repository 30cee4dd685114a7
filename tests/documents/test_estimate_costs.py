"""``estimate_costs``: counts are those of rows, audit log and store; totals are worked out by hand here."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from documents.conf import S3Config, StorageFile
from documents.models import Attachment, AuditEvent
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.costs import estimate
from documents.services.downloads import open_download
from documents.services.holdings import Holdings, holdings_by_listing, holdings_by_rows
from documents.services.links import create_link, open_linked
from documents.services.price_tables import EXAMPLES, load_price_tables
from documents.services.traffic import Traffic, traffic_by_audit
from documents.services.uploads import begin_upload
from documents.storage.base import StorageProvider
from documents.storage.memory import MemoryProvider
from tests.conftest import Store

GIB = 1024**3
TABLES = load_price_tables(EXAMPLES)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    call_command("estimate_costs", "--format", "json", *arguments)
    return json.loads(capsys.readouterr().out)


def test_a_total_is_the_sum_of_its_tiers() -> None:
    holdings = Holdings(objects=1, size=60_000 * GIB)
    traffic = Traffic(Decimal(2_000_000), Decimal(5_000_000), Decimal(20_000 * GIB))

    found = estimate(holdings, traffic, TABLES["aws-s3-standard"])

    assert found.storage == Decimal("1371.2")  # 51,200 x 0.023 = 1,177.60; 8,800 x 0.022 = 193.60
    assert found.put_requests == Decimal(10)  # 2,000 thousands x 0.005
    assert found.get_requests == Decimal(2)  # 5,000 thousands x 0.0004
    assert found.retrieval == 0
    assert found.transfer_out == Decimal("1742.2")  # 100 x 0; 10,140 x 0.09 = 912.60; 9,760 x 0.085 = 829.60
    assert found.total == Decimal("3125.4")


def test_small_objects_cost_as_much_as_the_smallest_that_counts() -> None:
    ia = TABLES["aws-s3-standard-ia"]
    holdings = Holdings(objects=5_000, size=4_000 * 1_000 + 1_000 * 200_000, small={131_072: (4_000, 4_000 * 1_000)})

    found = estimate(holdings, Traffic(transfer_out=Decimal(3 * GIB)), ia)

    # 4,000 x 131,072 + 1,000 x 200,000 = 724,288,000 bytes; each GB of 2^30 bytes x 0.0125
    assert found.storage == Decimal(724_288_000) / GIB * Decimal("0.0125")
    assert found.retrieval == Decimal("0.03")  # 3 x 0.01
    assert found.transfer_out == 0  # below the first 100 GB


def test_rows_are_counted_by_store(store: Store, alice: User, as_alice: Actor, provider: StorageProvider) -> None:
    attachment = store(b"x" * 1_000).current_attachment()
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        upload.write(b"y" * 200_000)
        staged = upload.finish()
    small, large = attachment.sealed_size, staged.sealed_size
    moved = store(b"z").current_attachment()
    Attachment.objects.filter(pk=moved.pk).update(storage_type="memory", sealed_size=5)

    found = holdings_by_rows([131_072, 0])

    assert found == {
        provider.name: Holdings(2, small + large, {131_072: (1, small)}),
        "memory": Holdings(1, 5, {131_072: (1, 5)}),
    }
    assert found[provider.name].billed_size(131_072) == 131_072 + large
    assert found[provider.name].billed_size(0) == small + large


def test_a_listing_counts_what_the_rows_count() -> None:
    memory = MemoryProvider()
    for number, size in enumerate((10, 131_071, 131_072)):
        memory.put_bytes(f"documents/{number}", bytes(size))

    assert holdings_by_listing(memory, [131_072, 0]) == Holdings(3, 262_153, {131_072: (2, 131_081)})


@pytest.fixture
def a_month_ago(store: Store) -> None:
    """The log begins more than 30 days ago, so what is in it is scaled from 30 days to a month and no further."""
    AuditEvent.objects.create(action="vault.begun", via="test")
    AuditEvent.objects.filter(action="vault.begun").update(at=database_now() - timedelta(days=40))


SCALE = Decimal("30.4375") / 30


def test_traffic_is_what_the_audit_log_tells(
    store: Store, alice: User, as_alice: Actor, provider: StorageProvider, a_month_ago: None
) -> None:
    document = store(b"x" * 2_500)
    attachment = document.current_attachment()
    for start, stop in ((0, 2_500), (0, 100), (2_400, 2_500)):
        open_download(attachment, as_alice, start=start, stop=stop).close()
    link = create_link(document, creator=alice, actor=as_alice).link
    open_linked(link, as_alice, start=0, stop=2_500).close()

    observed = traffic_by_audit(new_documents_go_to=provider.name, part_size=1_000)

    # One upload of 2,500 bytes in parts of 1,000: 3 parts and 2 more, and 3 looks. Two whole downloads are a request
    # each, two ranges are two each: 6.
    expected = Traffic(Decimal(5), Decimal(3 + 2 + 4), Decimal(2_500 + 100 + 100 + 2_500))
    assert observed.by_store == {provider.name: expected.scaled(SCALE)}
    assert observed.period == timedelta(days=30)
    small = traffic_by_audit(new_documents_go_to=provider.name, part_size=2_500).by_store[provider.name]
    assert (small.put_requests, small.get_requests) == (1 * SCALE, 7 * SCALE)


def test_downloads_count_where_the_object_is_and_uploads_where_new_ones_go(
    store: Store, as_alice: Actor, provider: StorageProvider, a_month_ago: None
) -> None:
    kept, gone = store(b"x" * 100).current_attachment(), store(b"x" * 200).current_attachment()
    for attachment in (kept, gone):
        open_download(attachment, as_alice, start=0, stop=attachment.size).close()
    Attachment.objects.filter(pk=kept.pk).update(storage_type="memory")
    gone.delete()

    found = traffic_by_audit(new_documents_go_to="s3", part_size=1_000).by_store

    assert found["memory"] == Traffic(get_requests=Decimal(1), transfer_out=Decimal(100)).scaled(SCALE)
    assert found["s3"] == Traffic(Decimal(2), Decimal(2 + 1), Decimal(200)).scaled(SCALE)


def test_what_happened_longer_ago_does_not_count(store: Store, a_month_ago: None) -> None:
    store(b"x")
    AuditEvent.objects.update(at=database_now() - timedelta(days=31))

    assert traffic_by_audit(new_documents_go_to="s3", part_size=1_000).by_store == {"s3": Traffic()}


def test_a_young_vault_is_scaled_from_the_time_it_has_run(store: Store) -> None:
    store(b"x")
    AuditEvent.objects.update(at=database_now() - timedelta(days=3))

    observed = traffic_by_audit(new_documents_go_to="s3", part_size=1_000)

    assert round(observed.by_store["s3"].put_requests, 2) == round(Decimal("30.4375") / 3, 2)
    AuditEvent.objects.update(at=database_now() - timedelta(minutes=1))
    new = traffic_by_audit(new_documents_go_to="s3", part_size=1_000)
    assert (new.period, new.by_store["s3"].put_requests) == (timedelta(days=1), Decimal("30.4375"))


def test_the_command_tells_what_a_store_costs(
    store: Store, provider: StorageProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    attachment = store(b"x" * 1_000).current_attachment()
    Attachment.objects.update(sealed_size=100 * GIB)
    given = ["--store", provider.name, "--put-requests=100000", "--get-requests=1000000", f"--transfer-out={200 * GIB}"]

    report = printed(capsys, *given, "--table", "aws-s3-standard")

    [found] = report["stores"]
    assert (report["schema_version"], report["counted_days"], "2025-06-01" in report["notice"]) == (1, None, True)
    assert found["rows"] == {"objects": 1, "bytes": 100 * GIB}
    [amounts] = found["estimates"]
    assert {key: amounts[key] for key in ("storage", "put_requests", "get_requests", "retrieval", "transfer_out")} == {
        "storage": "2.30",  # 100 x 0.023
        "put_requests": "0.50",  # 100 x 0.005
        "get_requests": "0.40",  # 1,000 x 0.0004
        "retrieval": "0.00",
        "transfer_out": "9.00",  # the first 100 are free, 100 x 0.09
    }
    assert (amounts["total"], amounts["currency"]) == ("12.20", "USD")
    assert provider.exists(attachment.storage_path)


def test_every_table_is_compared_cheapest_first(
    store: Store, provider: StorageProvider, capsys: pytest.CaptureFixture[str]
) -> None:
    store(b"x")
    Attachment.objects.update(sealed_size=1_000 * GIB)

    report = printed(capsys, "--store", provider.name, "--compare", "--put-requests=0", "--get-requests=0",
                     "--transfer-out=0")  # fmt: skip

    storage = [(found["table"], found["total"]) for found in report["stores"][0]["estimates"]]
    assert storage == [
        ("aws-s3-glacier-instant", "4.00"), ("azure-cool", "10.00"), ("own-hardware", "10.74"),
        ("aws-s3-standard-ia", "12.50"), ("azure-hot", "18.00"), ("gcs-standard", "20.00"),
        ("aws-s3-standard", "23.00"),
    ]  # fmt: skip


def test_a_scan_shows_what_no_row_names(
    store: Store, provider: StorageProvider, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = sum(1 for _ in provider.iter_locations()), sum(info.size for info in provider.iter_locations())
    attachment = store(b"x" * 100).current_attachment()
    provider.put_bytes("documents/orphan", bytes(50))
    try:
        file = tmp_path / "report.txt"
        call_command("estimate_costs", "--store", provider.name, "--scan", "--output", str(file))
        report = printed(capsys, "--store", provider.name, "--scan")
    finally:
        provider.delete("documents/orphan")

    assert report["stores"][0]["listing"] == {
        "objects": before[0] + 2,
        "bytes": before[1] + attachment.sealed_size + 50,
        "objects_beyond_rows": before[0] + 1,
        "bytes_beyond_rows": before[1] + 50,
    }
    text = file.read_text()
    assert f"{before[0] + 1:+,} objects, {before[1] + 50:+,} bytes beyond the rows" in text
    assert "The prices are examples, noted 2025-06-01. Check them" in text
    assert "scaled to a month" in text


def test_a_store_that_holds_nothing_costs_nothing(
    db: None, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.VAULT = replace(settings.VAULT, storage_type="local")

    reports = {store["store"]: store for store in printed(capsys)["stores"]}

    [amounts] = reports["local"]["estimates"]
    assert (amounts["table"], amounts["total"]) == ("own-hardware", "0.00")


def test_a_store_of_the_storage_file_has_the_prices_of_its_kind(
    store: Store, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = S3Config("access", "secret", "letters", "eu-central-1", "https://s3.example.com")
    settings.VAULT = replace(settings.VAULT, storage_file=StorageFile(stores=(("archive", archive),)))
    store(b"x")
    Attachment.objects.update(storage_type="archive")

    [found] = printed(capsys, "--store", "archive")["stores"]

    assert [amounts["table"] for amounts in found["estimates"]] == ["aws-s3-standard"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--store", "nowhere"], "No store 'nowhere' is configured; there is"),
        (["--table", "nothing"], "has no table 'nothing'. It has: aws-s3-standard"),
        (["--prices", "/nowhere/prices.toml"], "/nowhere/prices.toml cannot be read"),
        (["--part-size", "0"], "--part-size is 0"),
        (["--output", "/nowhere/report"], "/nowhere/report cannot be written"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(db: None, arguments: list[str], complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint.replace("[", r"\[")) as failure:
        call_command("estimate_costs", *arguments)
    assert failure.value.returncode == 2


def test_figures_that_are_given_are_of_one_store(store: Store) -> None:
    store(b"x")
    moved = store(b"y").current_attachment()
    Attachment.objects.filter(pk=moved.pk).update(storage_type="memory")

    with pytest.raises(CommandError, match="Name it by --store") as failure:
        call_command("estimate_costs", "--put-requests", "5")
    assert failure.value.returncode == 2
