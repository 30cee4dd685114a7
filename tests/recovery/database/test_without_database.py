"""The whole way: people store documents, the database is gone, and the script brings everything back without Django."""

import os
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from documents.models import Attachment
from documents.recovery import recover
from documents.services.digests import plaintext_digest
from documents.storage.base import StorageProvider
from documents.storage.local import LocalProvider
from documents.storage.s3 import S3Provider
from tests.conftest import Store
from tests.recovery.database.losing import lose_database
from tests.recovery.objects import manifest_of, run_script

pytestmark = pytest.mark.django_db
NAMES = ("payslip.pdf", "Gehaltszettel März.pdf", "報告.docx", "a.tar.gz", "no ending")


def run(provider: StorageProvider, out: Path, key: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """On a bare machine from a directory, or from the bucket of the servers profile."""
    if isinstance(provider, LocalProvider):
        return run_script("--from", provider.root, "--to", out, "--key", key).returncode
    assert isinstance(provider, S3Provider)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", os.environ["S3_ACCESS_KEY"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", os.environ["S3_SECRET_KEY"])
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    place = ["--from", f"s3://{provider.bucket.name}", "--endpoint-url", os.environ["S3_ENDPOINT_URL"]]
    return recover.main([*place, "--to", str(out), "--key", str(key)])


def test_names_owners_and_digests_are_what_they_were(
    store: Store,
    alice: User,
    bob: User,
    provider: StorageProvider,
    out: Path,
    recovery_key: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number, name in enumerate(NAMES):
        store(name.encode() * 9_999 * number, filename=name, owner=bob if number % 2 else alice)
    rows = Attachment.objects.select_related("document__owner")
    before = {
        str(row.pk): (row.filename, row.document.owner and row.document.owner.username, plaintext_digest(row))
        for row in rows
    }
    lose_database()

    assert run(provider, out, recovery_key, monkeypatch) == 0

    entries = manifest_of(out).values()
    assert {one["attachment_id"]: (one["filename"], one["owner"], one["sha256"]) for one in entries} == before
    assert sorted(str(path.relative_to(out)) for path in out.glob("*/*") if path.parent.name in ("alice", "bob")) == [
        *sorted(f"alice/{name}" for name in NAMES[::2]),
        *sorted(f"bob/{name}" for name in NAMES[1::2]),
    ]
