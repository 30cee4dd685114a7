"""Signing reports takes the origin key alone, and that only where there is something to sign."""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pytest_django.fixtures import Settings

from documents import key_rings
from documents.conf import KeySources
from documents.encryption.keyring import load_origin_key
from documents.encryption.origin import OriginKeys
from documents.encryption.report_signature import LABEL
from documents.encryption.vectors.keys import pem_of
from documents.errors import ConfigurationError
from documents.keysources import load_origin_keys
from migrations_tools import tasks
from migrations_tools.models import MigrationReport
from migrations_tools.reports.keeping import keep_report
from tests.migrations_tools.moving import Stores, run_to


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    key_rings.reset()
    yield
    key_rings.reset()


def test_where_nothing_is_unsigned_no_key_is_read(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[KeySources] = []

    def counted(sources: KeySources) -> OriginKeys:
        read.append(sources)
        return load_origin_keys(sources)

    monkeypatch.setattr(key_rings, "load_origin_keys", counted)
    keep_report(run_to(stores.there))
    key_rings.reset()
    assert len(read) == 1

    tasks.sweep_runs()

    assert len(read) == 1
    MigrationReport.objects.update(signature="")
    tasks.sweep_runs()
    assert len(read) == 2
    assert MigrationReport.objects.exclude(signature="").exists()


def test_the_origin_key_signs_without_the_rest_of_the_ring(stores: Stores, settings: Settings, tmp_path: Path) -> None:
    alone = KeySources(directory=tmp_path / "none", origin_pem=pem_of("origin").decode())
    settings.VAULT = replace(settings.VAULT, keys=alone)

    kept = keep_report(run_to(stores.there))

    assert kept is not None
    public = load_origin_key(pem_of("origin")).public_key()
    public.verify(base64.b64decode(kept.signature), LABEL + kept.body.encode())
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert kept.signed_by == hashlib.sha256(der).hexdigest()
    with pytest.raises(ConfigurationError):
        key_rings.key_ring()
