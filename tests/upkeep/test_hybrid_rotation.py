"""From RSA to hybrid keys by rewrapping alone; then RSA is refused."""

from dataclasses import replace
from io import StringIO

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from documents.conf import KeySources
from documents.key_rings import key_ring
from documents.keysources import OLDER
from documents.services import kek_life
from documents.services.actors import Actor
from documents.services.downloads import Download
from documents.services.kek_standing import list_keks, wrap_types
from documents.storage.base import StorageProvider
from documents.upkeep.rewrap import begin_rewrapping
from documents.upkeep.worker import work_on
from tests.conftest import Store
from tests.encryption.keys import KEKS, public_half
from tests.keyring import public_pem
from tests.upkeep.keys import add_key
from tests.upkeep.rotating import attachment_of

pytestmark = pytest.mark.django_db(transaction=True)
MOST_WRITTEN = 8 * 1024


def test_a_rotation_from_rsa_to_hybrid_touches_no_body_and_lets_rsa_be_refused(
    store: Store, provider: StorageProvider, keys: KeySources, settings: Settings, operator: Actor
) -> None:
    document = store(b"for decades")
    before = attachment_of(document)
    body = provider.get(before.storage_path)
    add_key(keys.directory / OLDER / "hybrid.pem", "hybrid-primary")
    (keys.directory / OLDER / "hybrid-recovery.pub.pem").write_bytes(public_pem("hybrid-recovery"))

    kek_life.make_primary(KEKS["hybrid-primary"], [public_half("hybrid-recovery")], operator)
    assert wrap_types() == {1: 1}
    work_on(begin_rewrapping(operator).pk)

    after = attachment_of(document)
    assert wrap_types() == {2: 1}
    assert provider.get(after.storage_path) == body
    assert bytes(after.envelope_core) == bytes(before.envelope_core)
    assert 2 * len(after.key_block) <= MOST_WRITTEN
    primary = list_keks()[0]
    assert (primary.role, primary.opens, primary.record.wrap_type) == ("primary", True, 2)

    settings.VAULT = replace(settings.VAULT, keys=replace(keys, weakest_wrap="rsa-oaep-ml-kem-768"))
    assert key_ring().opens == {KEKS["hybrid-primary"].kek_id}
    weak = {standing.record.wrap_type for standing in list_keks() if standing.is_too_weak}
    assert weak == {1}
    told = StringIO()
    call_command("list_keks", stdout=told)
    assert "its wrap is refused (VAULT_WEAKEST_WRAP)" in told.getvalue()
    with Download(after, operator, start=0, stop=after.size) as download:
        assert b"".join(bytes(piece) for piece in download) == b"for decades"
