"""The command ``collect_garbage``: what it reports, what it asks first, and its exit status."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from documents.models import Attachment, AuditEvent, CollectedStore, Document, Payload, Sighting, StagedAttachment
from documents.models.clock import database_now
from documents.services.actors import Actor
from documents.services.keys import trash_key
from documents.services.payloads import dehydrate
from documents.services.uploads import begin_upload
from tests.documents.collecting import DAY, HOUR, ORPHAN, ClockedStore, collected, keys_of, let_pass, orphan_key

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str) -> str:
        call_command("collect_garbage", *arguments)
        return capsys.readouterr().out

    return call


def status_of(*arguments: str) -> int:
    with pytest.raises(CommandError) as failure:
        call_command("collect_garbage", *arguments)
    return failure.value.returncode


@pytest.fixture
def trashed(clocked: ClockedStore) -> str:
    """An object in the trash that this database never heard of."""
    clocked.put_bytes(ORPHAN, b"left over")
    clocked.grow_older(2 * DAY)
    collected()
    let_pass(DAY, clocked)
    assert collected().trashed == 1
    return ORPHAN


def test_it_sweeps_collects_and_reports_all_of_it(
    clocked: ClockedStore, run: Run, alice: User, as_alice: Actor
) -> None:
    with begin_upload(owner=alice, filename="a", content_type="", actor=as_alice) as upload:
        upload.write(b"abc")
        upload.finish()
    StagedAttachment.objects.update(expires_at=database_now() - timedelta(seconds=1))
    clocked.put_bytes(ORPHAN, b"left over")
    clocked.grow_older(2 * DAY)

    told = json.loads(run("--format", "json"))

    assert told["swept"] == {"uploads": 1, "unfinished": 0, "removals": 0, "payloads": 0}
    [store] = told["stores"]
    assert (store["store"], store["scanned"], store["sighted"], store["error"]) == ("memory", 1, 1, "")
    assert "memory: 1 scanned, 1 unreferenced" in run()


def test_a_dry_run_changes_nothing(clocked: ClockedStore, run: Run) -> None:
    clocked.put_bytes(ORPHAN, b"left over")
    clocked.grow_older(2 * DAY)

    assert "would be sighted: 1" in run("--dry-run")

    assert not Sighting.objects.exists()
    assert not CollectedStore.objects.exists()
    assert keys_of(clocked, "vault/") == []


def test_it_sweeps_payloads_as_well(clocked: ClockedStore, run: Run, alice: User) -> None:
    dehydrate(["x" * 2000], attribution="tests", owner=alice)
    for swept in (0, 1):
        Payload.objects.update(due_at=database_now() - timedelta(seconds=1))
        assert f"swept payloads: {swept}" in run()
    assert keys_of(clocked, "payloads/") == []


def test_a_dry_run_counts_stale_uploads_and_says_what_it_cannot_count(
    clocked: ClockedStore, run: Run, alice: User, as_alice: Actor
) -> None:
    for _ in range(2):
        begin_upload(owner=alice, filename="a", content_type="", actor=as_alice)
    StagedAttachment.objects.update(expires_at=database_now() - timedelta(seconds=1))

    assert json.loads(run("--dry-run", "--format", "json"))["swept"] == {"uploads": 2, "unfinished": None}
    told = run("--dry-run")
    assert "stale uploads: 2" in told
    assert "stale unfinished: not counted" in told
    assert set(StagedAttachment.objects.values_list("state", flat=True)) == {StagedAttachment.State.RECEIVING}


def test_the_report_may_go_to_a_file(clocked: ClockedStore, run: Run, tmp_path: Path) -> None:
    assert run("--format", "json", "--output", str(tmp_path / "report.json")) == ""
    told = json.loads((tmp_path / "report.json").read_text())
    assert (told["schema_version"], told["stores"][0]["store"]) == (1, "memory")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["report.json"]


@pytest.mark.parametrize("place", ["no/such/place", ""])
def test_a_report_that_cannot_be_written_is_told_before_the_pass(
    clocked: ClockedStore, tmp_path: Path, place: str
) -> None:
    assert status_of("--output", str(tmp_path / place)) == 2
    assert not CollectedStore.objects.exists()
    assert not any(path.is_file() for path in tmp_path.iterdir())


def test_one_store_alone_and_as_much_as_is_said(clocked: ClockedStore, run: Run, settings: Settings) -> None:
    settings.VAULT.local_storage_path.mkdir()
    for number in range(5):
        clocked.put_bytes(orphan_key(number), b"x")
    clocked.grow_older(2 * DAY)

    [report] = json.loads(run("--store", "memory", "--max-scanned", "3", "--format", "json"))["stores"]

    assert (report["store"], report["scanned"]) == ("memory", 3)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--store", "elsewhere"],
        ["--max-scanned", "0"],
        ["--max-deleted", "-1"],
        ["--dry-run", "--restore", "all"],
        ["--dry-run", "--accept-older-database"],
    ],
)
def test_a_wrong_call_is_told_apart(clocked: ClockedStore, wrong: list[str]) -> None:
    assert status_of(*wrong) == 2
    assert keys_of(clocked, "") == []


def test_a_store_that_is_left_alone_is_a_failure(clocked: ClockedStore, capsys: pytest.CaptureFixture[str]) -> None:
    collected()
    CollectedStore.objects.update(epoch=0)

    assert status_of() == 1
    assert "last cleared by a newer database" in capsys.readouterr().out


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_accepting_an_older_database_wants_the_word(
    clocked: ClockedStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    collected()
    CollectedStore.objects.update(epoch=0)
    answer(monkeypatch, "yes\n")
    assert status_of("--accept-older-database") == 2
    assert CollectedStore.objects.get().epoch == 0

    answer(monkeypatch, "accept\n")
    run("--accept-older-database")

    assert CollectedStore.objects.get().epoch == 2
    assert AuditEvent.objects.get(action="database.accepted").via == "command"


def test_what_is_unknown_is_told_and_purged_only_on_the_word(
    clocked: ClockedStore, trashed: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_pass(8 * DAY, clocked)
    assert "1 in the trash are unknown to this database. They may belong to a newer database" in run()
    answer(monkeypatch, "\n")
    assert status_of("--purge-unknown") == 2
    assert clocked.exists(trash_key(trashed))

    assert "deleted: 1" in run("--purge-unknown", "--no-input")

    assert keys_of(clocked, "trash/") == []


@pytest.mark.parametrize("wanted", ["all", ORPHAN, trash_key(ORPHAN)])
def test_what_is_in_the_trash_comes_back_by_hand(clocked: ClockedStore, trashed: str, run: Run, wanted: str) -> None:
    Sighting.objects.all().delete()  # as in a database that was rebuilt
    CollectedStore.objects.update(epoch=0)  # and is not asked for its epoch

    run("--restore", wanted)

    assert clocked.get(trashed) == b"left over"
    assert AuditEvent.objects.get(action="objects.restored").detail["returned"] == 1


def test_what_came_back_by_hand_has_its_two_looks_again(clocked: ClockedStore, trashed: str, run: Run) -> None:
    run("--restore", "all")
    let_pass(23 * HOUR, clocked)
    assert [collected().trashed, clocked.exists(trashed)] == [0, True]
    let_pass(2 * HOUR, clocked)

    assert [collected().trashed, clocked.exists(trashed)] == [1, False]


def test_what_is_not_in_the_trash_does_not_come_back(clocked: ClockedStore) -> None:
    assert status_of("--restore", "documents/never-there") == 1
    assert status_of("--restore", "../outside") == 1


def test_one_damaged_object_does_not_keep_the_others(
    clocked: ClockedStore, run: Run, monkeypatch: pytest.MonkeyPatch, store: Callable[..., Document]
) -> None:
    keys = [store().current_attachment().storage_path for _ in range(3)]
    for key in keys:
        clocked.copy(key, trash_key(key))
        clocked.delete(key)
    Attachment.objects.all().delete()
    copy = ClockedStore.copy

    def copy_all_but_one(store: ClockedStore, source: str, key: str) -> Any:
        return store._put(key, b"damaged") if key == min(keys) else copy(store, source, key)

    monkeypatch.setattr(ClockedStore, "copy", copy_all_but_one)

    assert status_of("--restore", "all") == 1
    assert AuditEvent.objects.get(action="objects.restored").detail["returned"] == 2
    assert all(clocked.exists(trash_key(key)) for key in keys)
