"""``check_report``: right is only what the vault signed, byte for byte; whoever has the public key can check it too."""

import json
import random
import re
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from documents.conf import KeySources
from documents.encryption.keyring import load_origin_key
from documents.encryption.vectors.keys import pem_of
from documents.models import Document
from documents.storage.base import StorageProvider
from migrations_tools.reports.keeping import keep_report
from tests.migrations_tools.moving import Stores, run_to
from tests.migrations_tools.reporting import written

Store = Callable[..., Document]


@pytest.fixture
def report(stores: Stores, store: Store, here: StorageProvider, tmp_path: Path) -> Path:
    """A signed report with an error in it, as a file."""
    here.delete(store(b"lost").current_attachment().storage_path)
    run = run_to(stores.there)
    keep_report(run)
    path = tmp_path / "report.json"
    path.write_text(written(run, "json"))
    return path


def status_of(path: Path) -> int:
    try:
        call_command("check_report", str(path))
    except CommandError as error:
        return error.returncode
    return 0


def resigned(report: Path, **changes: object) -> None:
    """Put other members into the signature, in the form of a file."""
    whole = json.loads(report.read_text())
    whole["signature"] |= changes
    report.write_text(json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=False) + "\n")


def test_a_report_that_nobody_touched_is_right(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(report) == 0

    said = capsys.readouterr().out
    whole = json.loads(report.read_text())
    assert f"run {whole['run']['id']} is right" in said
    assert whole["signature"]["key"] in said


def test_a_changed_byte_anywhere_is_found(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = report.read_bytes()
    random.seed(len(good))
    places = {0, 1, len(good) - 1, len(good) - 2, *random.sample(range(len(good)), 150)}
    places |= {match.start(1) for match in re.finditer(rb'"(schema_version|signature|value|key|total|failed)"', good)}

    found = {}
    for place in places:
        for bit in (0, 5):
            report.write_bytes(good[:place] + bytes([good[place] ^ (1 << bit)]) + good[place + 1 :])
            found[place, bit] = status_of(report)

    assert {each: status for each, status in found.items() if status != 1} == {}
    report.write_bytes(good)
    assert status_of(report) == 0


@pytest.mark.parametrize("change", [
    lambda good: good[:-1], lambda good: good + b"\n", lambda good: good.replace(b"\n", b"\r\n"),
    lambda good: good[: len(good) // 2], lambda good: json.dumps(json.loads(good)).encode(),
    lambda good: good.replace(b'"failed": 1', b'"failed": 0'), lambda good: b"[" * 100_000 + good,
    lambda good: b"[" + good + b"]", lambda good: good.replace(b'"note": ""', b'"note": "\\ud800"'),
    lambda good: good.replace(b'"note": ""', b'"note": "", "note": ""'),
])  # fmt: skip
def test_what_is_left_out_added_or_moved_is_found(report: Path, change: Callable[[bytes], bytes]) -> None:
    good = report.read_bytes()
    report.write_bytes(change(good))

    assert report.read_bytes() != good
    assert status_of(report) == 1


@pytest.mark.parametrize("changes", [
    {"value": "A" * 86 + "=="}, {"value": "no base64"}, {"value": 5}, {"algorithm": "none"}, {"key": "0" * 64},
    {"key": None}, {"more": "x"}, {"value": ""},
])  # fmt: skip
def test_another_signature_is_not_accepted(report: Path, changes: dict[str, Any]) -> None:
    resigned(report, **changes)

    assert status_of(report) == 1


def test_a_report_without_a_signature_is_not_right(
    stores: Stores, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    path.write_text(written(run_to(stores.there), "json"))

    with pytest.raises(CommandError, match="not signed") as error:
        call_command("check_report", str(path))
    assert error.value.returncode == 1


def test_a_report_of_another_vault_is_not_right(report: Path, settings: Settings) -> None:
    settings.VAULT = replace(
        settings.VAULT, keys=replace(settings.VAULT.keys, origin_pem=pem_of("other-origin").decode())
    )

    with pytest.raises(CommandError, match="another key") as error:
        call_command("check_report", str(report))
    assert error.value.returncode == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\x00\xff", b'{"schema_version": 1}', b"%PDF-1.7"])
def test_what_never_was_a_report_is_a_wrong_call(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)

    assert status_of(path) == 2
    assert status_of(tmp_path / "missing") == 2
    assert status_of(tmp_path) == 2


def test_without_the_vaults_keys_nothing_can_be_said(report: Path, settings: Settings, tmp_path: Path) -> None:
    settings.VAULT = replace(settings.VAULT, keys=KeySources(directory=tmp_path / "none"))

    assert status_of(report) == 2


def test_the_program_in_the_documentation_checks_a_report(
    report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = Path(__file__).parents[2] / "docs" / "migration.md"
    program = tmp_path / "check.py"
    program.write_text(page.read_text().split("```python\n")[1].split("```")[0])
    key = tmp_path / "origin.pub.pem"
    public = load_origin_key(pem_of("origin")).public_key()
    key.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    monkeypatch.setattr(sys, "argv", ["check.py", str(report), str(key)])

    runpy.run_path(str(program))
    assert "right" in capsys.readouterr().out
    report.write_text(report.read_text().replace('"failed": 1', '"failed": 0'))
    with pytest.raises(InvalidSignature):
        runpy.run_path(str(program))
