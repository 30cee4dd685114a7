"""META: the sealed part of a header (FORMAT.md §2.3, §4)."""

import base64
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from documents.encryption.aead import TAG_SIZE, ZERO_NONCE
from documents.encryption.derivation import meta_cipher
from documents.errors import MalformedEnvelope, UnsupportedEnvelope

PADDING_STEP = 256  # bytes
MAX_TEXT_SIZE = 32_768  # bytes, FORMAT.md §10
CONTENT_CODINGS = ("identity", "gzip")
SIGNATURE_SIZE = 64  # bytes, RFC 8032

_REQUIRED = ("filename", "content_type", "owner", "created_at", "content_coding")
# Limits of the hour stand here: fromisoformat of Python 3.14 takes 24:00 for the next midnight.
_CREATED_AT = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII)
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}==")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the uploader said about a document. Nothing of it is safe to use as a path, a header or markup.

    ``created_at`` is aware; it is kept in UTC to the microsecond. Text may hold any Unicode; a lone surrogate is
    replaced by U+FFFD when it is sealed.
    """

    filename: str
    content_type: str
    owner: str
    created_at: datetime
    content_coding: str = "identity"

    def __post_init__(self) -> None:
        if self.created_at.tzinfo is None:
            raise ValueError("created_at needs a time zone")
        if self.content_coding not in CONTENT_CODINGS:
            raise ValueError(f"content_coding is one of {', '.join(CONTENT_CODINGS)}")


def encode(metadata: Metadata, *, origin_signature: bytes | None) -> bytes:
    """The padded META text. Its length does not depend on the signature's value.

    Raises MalformedEnvelope where it would be longer than a header can hold.
    """
    members = {
        "filename": metadata.filename,
        "content_type": metadata.content_type,
        "owner": metadata.owner,
        "created_at": metadata.created_at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z",
        "content_coding": metadata.content_coding,
    }
    if origin_signature is not None:
        members["origin_signature"] = base64.b64encode(origin_signature).decode("ascii")
    members = {name: _without_lone_surrogates(value) for name, value in members.items()}
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
    padded = text + b" " * (-len(text) % PADDING_STEP)
    if len(padded) > MAX_TEXT_SIZE:
        raise MalformedEnvelope(f"Name, type and owner need {len(text):,} bytes; the limit is {MAX_TEXT_SIZE:,}.")
    return padded


def _without_lone_surrogates(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def decode(text: bytes) -> tuple[Metadata, bytes | None]:
    """Metadata and origin signature of a META text. Raises MalformedEnvelope, UnsupportedEnvelope."""
    members = _members(text)
    if not _CREATED_AT.fullmatch(members["created_at"]):
        raise MalformedEnvelope("META's created_at is not in the form of FORMAT.md §4.")
    try:
        created_at = datetime.fromisoformat(members["created_at"])
    except ValueError:
        raise MalformedEnvelope("META's created_at is no time of any calendar.") from None
    signature = _signature(members.get("origin_signature"))
    if members["content_coding"] not in CONTENT_CODINGS:  # last: FORMAT.md §4 puts what is malformed before it
        raise UnsupportedEnvelope("The document has a content coding that this release does not know.")
    metadata = Metadata(
        filename=members["filename"],
        content_type=members["content_type"],
        owner=members["owner"],
        created_at=created_at,
        content_coding=members["content_coding"],
    )
    return metadata, signature


def _members(text: bytes) -> dict[str, str]:
    try:
        members = json.loads(text.decode("utf-8"))
        if not isinstance(members, dict) or not all(isinstance(value, str) for value in members.values()):
            raise MalformedEnvelope("META is not a JSON object of strings.")
        for word in (*members.keys(), *members.values()):
            word.encode("utf-8")  # refuses an escaped lone surrogate, which JSON would let through
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise MalformedEnvelope("META is not JSON in UTF-8.") from None
    if missing := [name for name in _REQUIRED if name not in members]:
        raise MalformedEnvelope(f"META lacks {', '.join(missing)}.")
    return members


def _signature(encoded: str | None) -> bytes | None:
    if encoded is None:
        return None
    if not _SIGNATURE.fullmatch(encoded):
        raise MalformedEnvelope("META's origin signature is not the base64 of 64 bytes.")
    return base64.b64decode(encoded)


def seal_meta(text: bytes, *, dek: bytes, context: bytes) -> bytes:
    """The META field: its length, then the sealed text."""
    length = (len(text) + TAG_SIZE).to_bytes(4, "big")
    return length + meta_cipher(dek, context).seal(ZERO_NONCE, text, context + length)


def open_meta(meta: bytes, *, dek: bytes, context: bytes) -> bytes:
    """The text of a META field as ``seal_meta`` made it. Raises AuthenticationFailed."""
    return meta_cipher(dek, context).open(ZERO_NONCE, meta[4:], context + meta[:4])


def meta_size_of(text_size: int) -> int:
    """Bytes of the META field that holds a padded text of this size."""
    return 4 + text_size + TAG_SIZE


def meta_size(length: int) -> int:
    """Bytes of the META field whose length field says ``length``; raises MalformedEnvelope if it cannot be."""
    text_size = length - TAG_SIZE
    if text_size % PADDING_STEP or not PADDING_STEP <= text_size <= MAX_TEXT_SIZE:
        raise MalformedEnvelope(f"META cannot have {length:,} bytes.")
    return meta_size_of(text_size)
