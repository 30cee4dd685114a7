"""What comes out of a DEK: the commitment and the derived keys (FORMAT.md §3).

The *context* is PREFIX ‖ CORE, the first 144 bytes of the envelope.
"""

import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from documents.encryption.aead import Aead

DEK_SIZE = 32  # bytes
SALT_SIZE = 32  # bytes
CONTEXT_SIZE = 144  # bytes

# Places inside the context (FORMAT.md §2.2).
_SALT = slice(80, 112)
_BEFORE_COMMITMENT = slice(0, 112)
_COMMITMENT = slice(112, 144)


def hkdf(input_key: bytes, salt: bytes, info: bytes, *, size: int = 32) -> bytes:
    """HKDF-SHA-256 (RFC 5869), extract and expand, ``size`` bytes of output."""
    return HKDF(algorithm=SHA256(), length=size, salt=salt, info=info).derive(input_key)


def commitment(dek: bytes, context: bytes) -> bytes:
    """The 32 bytes that tie this context to this DEK. What stands in the commitment's own place is not read."""
    return hkdf(dek, context[_SALT], b"vlt1/commit" + context[_BEFORE_COMMITMENT])


def with_commitment(dek: bytes, context: bytes) -> bytes:
    """The context with its commitment filled in."""
    return context[_BEFORE_COMMITMENT] + commitment(dek, context)


def fits_commitment(dek: bytes, context: bytes) -> bool:
    """Whether the commitment in ``context`` was made with this DEK; compared in constant time."""
    return hmac.compare_digest(commitment(dek, context), context[_COMMITMENT])


def body_cipher(dek: bytes, context: bytes) -> Aead:
    """K_body, which seals the chunks."""
    return Aead(hkdf(dek, context[_SALT], b"vlt1/body" + context))


def meta_cipher(dek: bytes, context: bytes) -> Aead:
    """K_meta, for the one META of the envelope."""
    return Aead(hkdf(dek, context[_SALT], b"vlt1/meta" + context))


def digest_cipher(dek: bytes, context: bytes) -> Aead:
    """K_digest, for the one sealed digest of the envelope (FORMAT.md §8)."""
    return Aead(hkdf(dek, context[_SALT], b"vlt1/digest" + context))


def key_block_cipher(dek: bytes, context: bytes, kb_salt: bytes) -> Aead:
    """K_kb, for the tag of the one key block that has this kb_salt."""
    return Aead(hkdf(dek, kb_salt, b"vlt1/keyblock" + context))
