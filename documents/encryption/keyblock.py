"""KEYBLOCK: who can unwrap the DEK of an envelope (FORMAT.md §2.4)."""

import hmac
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from documents.encryption.aead import TAG_SIZE, ZERO_NONCE
from documents.encryption.derivation import SALT_SIZE, key_block_cipher
from documents.errors import MalformedEnvelope

RSA_OAEP = 1  # stanza type, FORMAT.md §5
RSA_OAEP_ML_KEM = 2
# Stanza types from the weakest to the strongest, as settings and people name them.
WRAP_TYPES = {"rsa-oaep": RSA_OAEP, "rsa-oaep-ml-kem-768": RSA_OAEP_ML_KEM}
MAX_STANZAS = 4
MAX_WRAPPED_SIZE = 4_096  # bytes
MAX_SEQ = 0xFFFFFFFF
_MIN_LENGTH, _MAX_LENGTH = 97, 16_600  # what the length field may say
# What a wrapped DEK may have, FORMAT.md §5: a modulus of 3,072 to 8,192 bits, and for type 2 1,136 bytes more.
_WRAPPED_SIZES = {RSA_OAEP: range(384, 1_024 + 1), RSA_OAEP_ML_KEM: range(1_520, 2_160 + 1)}
_ANY_SIZE = range(1, MAX_WRAPPED_SIZE + 1)

_FIXED = struct.Struct(">I32sIB3s")
_STANZA = struct.Struct(">HH32sI")


@dataclass(frozen=True, slots=True)
class Stanza:
    """One recipient: the DEK wrapped under one KEK."""

    type: int
    kek_id: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """A parsed key block. ``raw`` is all of it; nothing is verified until ``verifies`` says so."""

    raw: bytes
    salt: bytes
    seq: int
    stanzas: tuple[Stanza, ...]

    def verifies(self, *, dek: bytes, context: bytes) -> bool:
        """Whether whoever knows the DEK wrote this block for this context."""
        expected = _tag(self.raw[:-TAG_SIZE], kb_salt=self.salt, dek=dek, context=context)
        return hmac.compare_digest(expected, self.raw[-TAG_SIZE:])


def _tag(untagged: bytes, *, kb_salt: bytes, dek: bytes, context: bytes) -> bytes:
    return key_block_cipher(dek, context, kb_salt).seal(ZERO_NONCE, b"", context + untagged)


def wrap_name(stanza_type: int) -> str:
    """What people call a stanza type of ``WRAP_TYPES``."""
    return next(name for name, number in WRAP_TYPES.items() if number == stanza_type)


def key_block_size(wrapped_sizes: Sequence[int]) -> int:
    """Bytes of a key block with one stanza for each of the sizes."""
    return _FIXED.size + sum(_STANZA.size + size for size in wrapped_sizes) + TAG_SIZE


def build_key_block(stanzas: Sequence[Stanza], *, seq: int, dek: bytes, context: bytes) -> bytes:
    """A key block with a fresh kb_salt, so that its one-message key never authenticates two blocks."""
    if seq > MAX_SEQ:
        raise MalformedEnvelope("This envelope was rewrapped too often; seal the document anew.")
    kb_salt = os.urandom(SALT_SIZE)
    length = key_block_size([len(stanza.wrapped) for stanza in stanzas]) - 4
    untagged = _FIXED.pack(length, kb_salt, seq, len(stanzas), bytes(3)) + b"".join(
        _STANZA.pack(stanza.type, 0, stanza.kek_id, len(stanza.wrapped)) + stanza.wrapped for stanza in stanzas
    )
    return untagged + _tag(untagged, kb_salt=kb_salt, dek=dek, context=context)


def parse_key_block(data: bytes) -> KeyBlock:
    """The key block at the start of ``data``; what follows it is not looked at. Raises MalformedEnvelope."""
    if len(data) < _FIXED.size:
        raise MalformedEnvelope("A key block is cut short.")
    length, kb_salt, seq, count, zeros = _FIXED.unpack_from(data)
    if not _MIN_LENGTH <= length <= _MAX_LENGTH or len(data) < 4 + length:
        raise MalformedEnvelope(f"A key block cannot have {length:,} bytes here.")
    if not 1 <= count <= MAX_STANZAS:
        raise MalformedEnvelope(f"A key block cannot have {count} stanzas.")
    if any(zeros):
        raise MalformedEnvelope("A key block has other bytes where zeros belong.")
    raw = data[: 4 + length]
    stanzas = _parse_stanzas(raw[_FIXED.size : -TAG_SIZE], count)
    return KeyBlock(raw, kb_salt, seq, stanzas)


def _parse_stanzas(data: bytes, count: int) -> tuple[Stanza, ...]:
    stanzas: list[Stanza] = []
    for _ in range(count):
        stanza = _parse_stanza(data)
        stanzas.append(stanza)
        data = data[_STANZA.size + len(stanza.wrapped) :]
    if data:
        raise MalformedEnvelope("A key block has bytes between its last stanza and its tag.")
    if len({stanza.kek_id for stanza in stanzas}) < count:
        raise MalformedEnvelope("A key block names the same KEK twice.")
    if {RSA_OAEP, RSA_OAEP_ML_KEM} <= {stanza.type for stanza in stanzas}:
        raise MalformedEnvelope("A key block wraps the DEK both with and without ML-KEM.")
    return tuple(stanzas)


def _parse_stanza(data: bytes) -> Stanza:
    if len(data) < _STANZA.size:
        raise MalformedEnvelope("A stanza is cut short.")
    kind, zeros, kek_id, size = _STANZA.unpack_from(data)
    if kind == 0 or zeros:
        raise MalformedEnvelope("A stanza has no type, or other bytes where zeros belong.")
    if size not in _WRAPPED_SIZES.get(kind, _ANY_SIZE):
        raise MalformedEnvelope(f"A wrapped DEK of stanza type {kind} cannot have {size:,} bytes.")
    if len(data) < _STANZA.size + size:
        raise MalformedEnvelope("A stanza is cut short.")
    return Stanza(kind, kek_id, data[_STANZA.size : _STANZA.size + size])
