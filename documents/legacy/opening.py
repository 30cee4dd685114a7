"""From the members to the plaintext, all of it or nothing."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.errors import AuthenticationFailed, UnwrapFailed
from documents.legacy.envelope import PADDINGS, Fields, LegacyEnvelope, parse_envelope

KEY_SIZE = 32  # bytes


@dataclass(frozen=True, slots=True)
class LegacyDocument:
    """A document that verified. ``kek_id`` is SHA-256 of the public key that its AES key is wrapped for."""

    plaintext: bytes = field(repr=False)
    kek_id: bytes


def open_legacy(
    data: bytes | bytearray, keys: Sequence[RSAPrivateKey], *, fields: Fields, padding: str = PADDINGS[0]
) -> LegacyDocument:
    """Return the plaintext of an older envelope; all of it is in memory.

    Raises MalformedEnvelope for what is none, UnwrapFailed where its key cannot be had with any of ``keys``, whatever
    the reason, and AuthenticationFailed where ciphertext, nonce or tag were changed.
    """
    envelope = parse_envelope(data, fields)
    wrapped_for, key = _unwrap(envelope, keys, padding)
    plaintext = _opened(envelope, key)
    if wrapped_for is None:
        raise UnwrapFailed(
            "The key of this document cannot be had: no private key here fits, the padding is another, or the wrapped "
            "key is damaged."
        )
    if plaintext is None:
        raise AuthenticationFailed("The document does not verify: ciphertext, nonce or tag were changed.")
    return LegacyDocument(plaintext, wrapped_for)


def _unwrap(envelope: LegacyEnvelope, keys: Sequence[RSAPrivateKey], padding: str) -> tuple[bytes | None, bytes]:
    """The id of the key that fits, or None, and an AES key: a random one where none does.

    The document is then opened with that and refused like any other, so that an answer takes as long either way.
    """
    for key in keys:
        found = _decrypted(key, envelope.wrapped_key, padding)
        if found is not None and len(found) == KEY_SIZE:
            return key_id_of(key), found
    return None, os.urandom(KEY_SIZE)


def _decrypted(key: RSAPrivateKey, wrapped: bytes, padding: str) -> bytes | None:
    if len(wrapped) != key.key_size // 8:
        return None
    algorithm = SHA256() if padding == "oaep-sha256" else SHA1()  # noqa: S303  # see PADDINGS
    try:
        return key.decrypt(wrapped, OAEP(mgf=MGF1(algorithm), algorithm=algorithm, label=None))
    except ValueError:
        return None


def _opened(envelope: LegacyEnvelope, key: bytes) -> bytes | None:
    """The plaintext, which nobody sees before the tag has verified; None where it does not."""
    decryptor = Cipher(AES(key), GCM(envelope.nonce, envelope.tag)).decryptor()
    plaintext = decryptor.update(envelope.ciphertext)
    try:
        decryptor.finalize()
    except InvalidTag:
        return None
    return plaintext


def key_id_of(key: RSAPrivateKey) -> bytes:
    """SHA-256 of the DER SubjectPublicKeyInfo: how KEKs are named too (FORMAT.md §1)."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).digest()


def pieces_of(
    plaintext: bytes, *, start: int = 0, stop: int | None = None, size: int = 256 * 1024
) -> Iterator[memoryview]:
    """Yield bytes ``start`` up to, not including, ``stop``, in views of ``size`` bytes at the most."""
    with memoryview(plaintext) as view:
        end = len(view) if stop is None else stop
        for place in range(start, end, size):
            yield view[place : min(place + size, end)]
