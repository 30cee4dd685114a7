"""The SHA-256 of a document's plaintext: kept sealed in the row, so that a stolen database confirms no guess."""

import threading
from collections import OrderedDict
from dataclasses import replace

import structlog

from documents.encryption.envelope import open_row
from documents.encryption.keyring import Kek, KeyRing
from documents.errors import ConfigurationError, EncryptionError, KeyRingError, UnknownKey, WeakWrap
from documents.key_rings import key_ring
from documents.keyservice.attached import RemoteOpener
from documents.models import Attachment

log = structlog.get_logger(__name__)

# Digests that a process keeps in mind: those of some twenty of the longest lists.
KEPT = 4096


def plaintext_digest(attachment: Attachment, *, ask: bool = True) -> str | None:
    """Return it in hex, or None where this process cannot open it: a ring of public keys, an unknown KEK, a weak wrap.

    None as well where the row was tampered with, which is logged, and for a document that is read in place: its digest
    is not kept. Without ``ask`` no key service is asked, but for what it was asked before: whoever shows many at once
    spends what it unwraps in a minute, and downloads would wait for that.
    """
    if attachment.is_in_place:
        return None
    try:
        return opened_digest(attachment, ask=ask)
    except (KeyRingError, UnknownKey, WeakWrap, ConfigurationError):
        return None
    except EncryptionError as error:
        log.exception("digest_unreadable", attachment_id=str(attachment.pk), error=str(error))
        return None


def opened_digest(attachment: Attachment, *, ask: bool = True) -> str:
    """Return the digest of one that is sealed, as ``plaintext_digest`` does. Raises EncryptionError, KeyRingError."""
    ring = key_ring()
    row = bytes(attachment.envelope_core), bytes(attachment.key_block), bytes(attachment.sealed_digest)
    if (known := _OPENED.get((row, ring.opens))) is not None:
        return known
    ring.require_private_keys()
    core, key_block, sealed = row
    digest = open_row(core, key_block, ring if ask else _without_service(ring)).open_digest(sealed).hex()
    _OPENED.put((row, ring.opens), digest)
    return digest


def _without_service(ring: KeyRing) -> KeyRing:
    def alone(kek: Kek) -> Kek:
        return kek.opened_by(None) if isinstance(kek.opener, RemoteOpener) else kek

    return replace(
        ring,
        primary=alone(ring.primary),
        recovery=[alone(kek) for kek in ring.recovery],
        older=[alone(kek) for kek in ring.older],
    )


# What a row has of its envelope, and the KEKs that the ring opens: a ring that opens fewer, or accepts fewer types, is
# asked anew.
_Place = tuple[tuple[bytes, bytes, bytes], frozenset[bytes]]


class _Opened:
    """In this process's memory: a list of 200 would be 200 RSA operations each time. For any number of threads."""

    def __init__(self) -> None:
        self._digests: OrderedDict[_Place, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, place: _Place) -> str | None:
        with self._lock:
            if place in self._digests:
                self._digests.move_to_end(place)
            return self._digests.get(place)

    def put(self, place: _Place, digest: str) -> None:
        with self._lock:
            self._digests[place] = digest
            if len(self._digests) > KEPT:
                self._digests.popitem(last=False)


_OPENED = _Opened()
