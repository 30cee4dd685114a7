"""The SHA-256 of a document's plaintext: kept sealed in the row, so that a stolen database confirms no guess."""

from functools import lru_cache

import structlog

from documents.encryption.envelope import open_row
from documents.errors import ConfigurationError, EncryptionError, KeyRingError, UnknownKey, WeakWrap
from documents.key_rings import key_ring
from documents.models import Attachment

log = structlog.get_logger(__name__)


def plaintext_digest(attachment: Attachment) -> str | None:
    """Return it in hex, or None where this process cannot open it: a ring of public keys, an unknown KEK, a weak wrap.

    None as well where the row was tampered with, which is logged, and for a document that is read in place: its digest
    is not kept.
    """
    if attachment.is_in_place:
        return None
    try:
        core, key_block, sealed = attachment.envelope_core, attachment.key_block, attachment.sealed_digest
        return _opened(bytes(core), bytes(key_block), bytes(sealed), key_ring().opens)
    except (KeyRingError, UnknownKey, WeakWrap, ConfigurationError):
        return None
    except EncryptionError as error:
        log.exception("digest_unreadable", attachment_id=str(attachment.pk), error=str(error))
        return None


@lru_cache(maxsize=4096)
def _opened(core: bytes, key_block: bytes, sealed: bytes, opens: frozenset[bytes]) -> str:  # noqa: ARG001
    """Kept in this process's memory alone: a list of 200 would be 200 RSA operations each time.

    ``opens`` are the KEKs that the ring opens: a ring that opens fewer, or accepts fewer types, is asked anew.
    """
    ring = key_ring()
    ring.require_private_keys()
    return open_row(core, key_block, ring).open_digest(sealed).hex()
