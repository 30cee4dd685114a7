"""``check_storage`` tells a good store from one that only looks like it."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from documents.errors import BucketNotFound, StorageUnavailable
from documents.services.probing import Finding, Outcome, probe_storage
from documents.storage.base import Buffer, ObjectInfo, ObjectRef, StorageProvider
from documents.storage.local import LocalProvider
from documents.storage.memory import MemoryProvider


def outcomes(provider: StorageProvider) -> dict[str, Finding]:
    return {finding.probe: finding for finding in probe_storage(provider)}


def failed(provider: StorageProvider) -> set[str]:
    return {name for name, finding in outcomes(provider).items() if finding.outcome is Outcome.FAILED}


def test_a_good_store_passes_and_keeps_nothing(provider: StorageProvider) -> None:
    before = [info.key for info in provider.iter_locations("check/")]

    found = outcomes(provider)

    assert {name for name, finding in found.items() if finding.outcome is Outcome.FAILED} == set()
    assert len(found) == 11
    assert [info.key for info in provider.iter_locations("check/")] == before


def test_what_a_store_lacks_is_missing_and_no_failure(tmp_path: Path) -> None:
    found = outcomes(LocalProvider(tmp_path))

    assert {name for name, finding in found.items() if finding.outcome is Outcome.MISSING} == {
        "versioning",
        "multipart",
        "signed URL",
        "CORS",
    }
    assert failed(LocalProvider(tmp_path)) == set()


class Overwriting(MemoryProvider):
    """A look-alike that ignores conditions."""

    def put_bytes(self, key: str, data: Buffer) -> ObjectRef:
        self.delete(key)
        return super().put_bytes(key, data)


class Away(MemoryProvider):
    """One that goes away between two probes."""

    def get_range(self, key: str, start: int, length: int) -> bytes:  # noqa: ARG002  # the protocol's
        raise StorageUnavailable("It does not answer", key=key, hint="Try again later")

    def get(self, key: str) -> bytes:
        return super().get(key) if key.endswith("/1/0") else self.get_range(key, 0, 1)


class Changing(MemoryProvider):
    def get(self, key: str) -> bytes:
        return super().get(key)[:-1] + b"?"


class Ranging(MemoryProvider):
    def get_range(self, key: str, start: int, length: int) -> bytes:  # noqa: ARG002  # the protocol's
        return super().get(key)


class Forgetful(MemoryProvider):
    def iter_locations(self, prefix: str = "") -> Any:  # noqa: ARG002  # the protocol's
        return iter([])


class Late(MemoryProvider):
    def head(self, key: str) -> ObjectInfo:
        info = super().head(key)
        return ObjectInfo(info.key, info.size, datetime.now(UTC) - timedelta(hours=1), info.etag)


@pytest.mark.parametrize(
    ("look_alike", "caught"),
    [
        (Overwriting, "conditional create"),
        (Changing, "write, read, delete"),
        (Ranging, "range"),
        (Forgetful, "listing"),
        (Late, "clock"),
    ],
)
def test_a_look_alike_is_caught_with_a_hint(look_alike: Callable[[], MemoryProvider], caught: str) -> None:
    found = outcomes(look_alike())

    assert found[caught].outcome is Outcome.FAILED
    assert found[caught].hint


def test_a_store_that_is_away_for_a_while_is_told_as_such() -> None:
    found = outcomes(Away())["range"]

    assert (found.outcome, found.retryable, found.hint) == (Outcome.FAILED, True, "Try again later")
    assert found.detail.startswith("It does not answer (key 'check/")
    assert "Try again" not in found.detail


def test_without_a_connection_nothing_else_is_tried() -> None:
    class Gone(MemoryProvider):
        def head(self, key: str) -> ObjectInfo:
            raise BucketNotFound("There is no bucket", key=key, hint="Create it")

    [finding] = probe_storage(Gone())
    assert (finding.probe, finding.outcome, finding.hint) == ("connection", Outcome.FAILED, "Create it")


def test_the_command_tells_each_probe_and_its_exit_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = "documents.management.commands.check_storage.store_itself"
    monkeypatch.setattr(target, lambda _type: MemoryProvider())
    call_command("check_storage", "--quick")
    assert "ok       conditional create: a second put" in capsys.readouterr().out

    monkeypatch.setattr(target, lambda _type: Overwriting())
    with pytest.raises(CommandError, match=r"1 of 8 probes failed") as failure:
        call_command("check_storage", "--quick", "--format", "json")
    assert failure.value.returncode == 1
    report = json.loads(capsys.readouterr().out)
    assert report["schema_version"] == 1
    assert [f["probe"] for f in report["findings"] if f["outcome"] == "failed"] == ["conditional create"]


def test_a_store_that_is_not_configured_is_a_wrong_call() -> None:
    for arguments in (["nowhere"], ["--store", "nowhere"]):
        with pytest.raises(CommandError) as failure:
            call_command("check_storage", *arguments)
        assert failure.value.returncode == 2


def test_a_store_that_cannot_even_be_opened_is_a_failure(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    settings.VAULT = replace(settings.VAULT, local_storage_path=tmp_path / "file" / "below")

    with pytest.raises(CommandError, match="1 of 1 probes failed") as failure:
        call_command("check_storage", "--store", "local")

    assert failure.value.returncode == 1
    told = capsys.readouterr().out
    assert told.startswith("FAILED   connection: The directory")
    assert "Choose another, or let the vault's user write there.\n         Trying again will not help." in told


def test_whoever_reads_no_further_leaves_nothing_behind(provider: StorageProvider) -> None:
    findings = probe_storage(provider)
    while next(findings).probe != "copy":
        pass
    assert list(provider.iter_locations("check/")) == []
