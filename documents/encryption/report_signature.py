"""What an origin key signs of the report of a storage migration, so that it can be checked years later.

    Ed25519(origin private key, "document-vault migration report v1\\n" ‖ body)          RFC 8032

``body`` is the report's JSON without its member ``signature``, in canonical form: UTF-8, members sorted by their names,
no white space between tokens, no escape but those that JSON demands (RFC 8259 section 7). The 35 bytes in front begin
with another letter than every envelope's signature (FORMAT.md §4.1): neither can be taken for the other. A key goes by
the SHA-256, in hex, of its public half as DER SubjectPublicKeyInfo, as a KEK does (FORMAT.md §1).
"""

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from documents.encryption.origin import OriginKeys

LABEL = b"document-vault migration report v1\n"


@dataclass(frozen=True, slots=True)
class ReportSignature:
    """``key`` is the name of the public key, ``value`` the 64 bytes."""

    key: str
    value: bytes


def sign_report(origin: OriginKeys, body: bytes) -> ReportSignature | None:
    """Sign the canonical bytes of a report; None without the private half of an origin key."""
    if origin.private is None:
        return None
    return ReportSignature(origin_key_id(origin.private.public_key()), origin.private.sign(LABEL + body))


def has_signed_report(origin: OriginKeys, signature: ReportSignature, body: bytes) -> bool:
    """Whether one of these origin keys made the signature. Without a key nothing is accepted."""
    keys = (key for key in origin.public if origin_key_id(key) == signature.key)
    return any(_verifies(key, signature.value, LABEL + body) for key in keys)


def origin_key_id(public_key: Ed25519PublicKey) -> str:
    """Name an origin key: 64 characters."""
    return hashlib.sha256(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _verifies(public_key: Ed25519PublicKey, value: bytes, message: bytes) -> bool:
    try:
        public_key.verify(value, message)
    except InvalidSignature:
        return False
    return True
