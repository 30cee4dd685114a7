"""Taking the JSON apart: strictly, and without building what an attacker may have put into it."""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from documents.errors import MalformedEnvelope

TAG_SIZE = 16  # bytes
# Bytes: NIST SP 800-38D recommends 12, and PyCryptodome makes 16 where nothing is said.
NONCE_SIZES = range(12, 17)
# Bytes of a modulus: RSA of 1,024 bits up to 16,384.
WRAPPED_KEY_SIZES = range(128, 2049)
# Beside the four that count an older program may have noted a name, a date, a version: so many, and so long each.
MAX_MEMBERS = 64
MAX_OTHER_MEMBER = 64 * 1024  # characters
# By the names of the setting. SHA-1 is what PyCryptodome's PKCS1_OAEP takes unless it is told otherwise; in OAEP its
# collisions do no harm (RFC 8017 §7.1). PKCS #1 v1.5 is not here: whoever reads in place would answer Bleichenbacher.
PADDINGS = ("oaep-sha256", "oaep-sha1")

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Fields:
    """What the members are called; of several names exactly one is in an envelope."""

    ciphertext: tuple[str, ...] = ("ciphertext",)
    tag: tuple[str, ...] = ("tag",)
    nonce: tuple[str, ...] = ("nonce",)
    wrapped_key: tuple[str, ...] = ("encrypted_key", "wrapped_key", "key")


@dataclass(frozen=True, slots=True)
class LegacyEnvelope:
    """The four members, decoded. Nothing of it has verified."""

    ciphertext: bytes = field(repr=False)
    tag: bytes
    nonce: bytes
    wrapped_key: bytes


def parse_envelope(data: bytes | bytearray, fields: Fields) -> LegacyEnvelope:
    """Return what an envelope is made of. Raises MalformedEnvelope for anything that is none.

    Needs about four times the size of ``data`` in memory while it works, whatever is in it.
    """
    try:
        members = dict(_members(data.decode("utf-8")))
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise MalformedEnvelope("This is no JSON object in UTF-8, or it is cut short.") from None
    ciphertext = _decoded(members, fields.ciphertext)
    tag = _decoded(members, fields.tag)
    nonce = _decoded(members, fields.nonce)
    wrapped_key = _decoded(members, fields.wrapped_key)
    if len(tag) != TAG_SIZE:
        raise MalformedEnvelope(f"The tag has {len(tag):,} bytes; {TAG_SIZE} are expected.")
    if len(nonce) not in NONCE_SIZES:
        raise MalformedEnvelope(f"The nonce has {len(nonce):,} bytes; 12 to 16 are expected.")
    if len(wrapped_key) not in WRAPPED_KEY_SIZES:
        raise MalformedEnvelope(f"The wrapped key has {len(wrapped_key):,} bytes, as no RSA key makes one.")
    return LegacyEnvelope(ciphertext, tag, nonce, wrapped_key)


def mentions_ciphertext(data: bytes | bytearray, fields: Fields) -> bool:
    """Whether this may have been meant as an envelope, however damaged it is."""
    return any(json.dumps(name).encode() in data for name in fields.ciphertext)


def _members(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield name and value of each member, None for a value that is no text. Raises ValueError, MalformedEnvelope."""
    seen = set[str]()
    position = _after(text, 0, "{")
    while text[position : position + 1] != "}" or seen:
        name, position = _text_at(text, position)
        if name in seen or len(seen) == MAX_MEMBERS:
            raise MalformedEnvelope(f"The JSON object has a member twice, or more than {MAX_MEMBERS}.")
        seen.add(name)
        position = _after(text, position, ":")
        if text[position : position + 1] == '"':
            value, position = _text_at(text, position)
            yield name, value
        else:
            position = _past_other(text, position)
            yield name, None
        if text[position : position + 1] != ",":
            break
        position = _after(text, position, ",")
    if _after(text, position, "}") != len(text):
        raise MalformedEnvelope("Something follows the JSON object.")


def _after(text: str, position: int, sign: str) -> int:
    """Where the next token begins behind ``sign``, which must be the one at ``position``."""
    if position == 0:
        position = _skip(text, position)
    if text[position : position + 1] != sign:
        raise ValueError
    return _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _text_at(text: str, position: int) -> tuple[str, int]:
    """A string needs as much memory as it is long; so nothing else is decoded from the whole text."""
    if text[position : position + 1] != '"':
        raise ValueError
    value, end = _DECODER.raw_decode(text, position)
    return value, _skip(text, end)


def _past_other(text: str, position: int) -> int:
    """Decode a number, a list or an object, and forget it. Out of a piece: what is built of it has a limit then."""
    piece = text[position : position + MAX_OTHER_MEMBER]
    _value: Any
    _value, end = _DECODER.raw_decode(piece)
    if end == len(piece) and position + end < len(text):
        raise MalformedEnvelope(f"A member beside the envelope's own has more than {MAX_OTHER_MEMBER:,} characters.")
    return _skip(text, position + end)


def _decoded(members: Mapping[str, str | None], names: tuple[str, ...]) -> bytes:
    found = [name for name in names if name in members]
    if len(found) != 1:
        wanted = " or ".join(names)
        raise MalformedEnvelope(f"The JSON object has {'several of' if found else 'no'} {wanted}.")
    text = members[found[0]]
    if text is None:
        raise MalformedEnvelope(f"The member {found[0]} is no text.")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedEnvelope(f"The member {found[0]} is not base64.") from None
