"""The weakest wrap a vault accepts, as its operator meets it: from RSA to hybrid keys, and RSA refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from documents.conf import KeySources
from documents.encryption.envelope import open_row
from documents.errors import DocumentUnreadable, WeakWrap
from documents.key_rings import key_ring
from documents.models import Attachment, Document
from documents.services.actors import Actor
from documents.services.digests import plaintext_digest
from documents.services.downloads import Download
from tests.keyring import write_keys

CONTENT = b"of the years before"
STRONG = "rsa-oaep-ml-kem-768"


@pytest.fixture
def attachment(store: Callable[..., Document]) -> Attachment:
    return store(CONTENT).current_attachment()


@pytest.fixture
def use_hybrid_keys(settings: Settings, tmp_path: Path) -> Callable[..., None]:
    """Hybrid keys, the RSA primary among the older ones."""
    directory = write_keys(tmp_path / "hybrid", primary="hybrid-primary", recovery="hybrid-recovery", older="primary")

    def use(weakest: str) -> None:
        settings.VAULT = replace(settings.VAULT, keys=KeySources(directory, weakest_wrap=weakest))

    return use


def read(attachment: Attachment, actor: Actor) -> bytes:
    return b"".join(bytes(piece) for piece in Download(attachment, actor, start=0, stop=attachment.size))


def rewrap(attachment: Attachment) -> None:
    row = open_row(bytes(attachment.envelope_core), bytes(attachment.key_block), key_ring())
    attachment.key_block = row.rewrap(key_ring())
    attachment.save()


def test_a_weak_wrap_is_refused_without_calling_the_object_damaged(
    attachment: Attachment, as_alice: Actor, use_hybrid_keys: Callable[..., None]
) -> None:
    use_hybrid_keys(STRONG)

    with pytest.raises(DocumentUnreadable) as raised:
        read(attachment, as_alice)
    assert isinstance(raised.value.__cause__, WeakWrap)
    attachment.refresh_from_db()
    assert attachment.suspect_at is None

    use_hybrid_keys("rsa-oaep")
    assert read(attachment, as_alice) == CONTENT


def test_a_rewrap_alone_makes_it_strong_enough(
    attachment: Attachment, as_alice: Actor, use_hybrid_keys: Callable[..., None]
) -> None:
    core = bytes(attachment.envelope_core)
    use_hybrid_keys("rsa-oaep")
    rewrap(attachment)

    use_hybrid_keys(STRONG)
    assert read(attachment, as_alice) == CONTENT
    assert bytes(attachment.envelope_core) == core


def test_new_documents_are_sealed_for_hybrid_keys(
    store: Callable[..., Document], as_alice: Actor, use_hybrid_keys: Callable[..., None]
) -> None:
    use_hybrid_keys(STRONG)
    attachment = store(CONTENT).current_attachment()

    assert read(attachment, as_alice) == CONTENT
    assert attachment.kek_id == key_ring().primary.kek_id.hex()


def test_a_changed_setting_is_not_answered_from_the_digests_that_are_kept(
    attachment: Attachment, use_hybrid_keys: Callable[..., None]
) -> None:
    use_hybrid_keys("rsa-oaep")
    digest = plaintext_digest(attachment)
    assert digest is not None

    use_hybrid_keys(STRONG)
    assert plaintext_digest(attachment) is None

    use_hybrid_keys("rsa-oaep")
    rewrap(attachment)
    use_hybrid_keys(STRONG)
    assert plaintext_digest(attachment) == digest
