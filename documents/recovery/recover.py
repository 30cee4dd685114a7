#!/usr/bin/env python3
"""Documents back from their stored objects and a private key: no database, no server, no Django.

    python recover.py --from /media/backup/storage --to /media/out --key recovery.pem
    python recover.py --from s3://bucket/prefix --endpoint-url https://s3.example.com --to out --key recovery.pem
    python recover.py --from /media/backup/storage --key recovery.pem --list

It needs Python 3.11 or newer and the library ``cryptography`` (50 or newer for hybrid keys); for buckets boto3 too,
which finds its credentials where it always does (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ~/.aws). It imports nothing
of the vault: it is a second, independent reader written from FORMAT.md, which the section signs in here mean. It is
carried to machines without a network, so it is one file, longer than any other of the vault. It reads in this order:
answers, envelope, keys, sources, names, journal, one object, one run, manifest, command line.

Nothing is ever written to the source. In the destination are then

    OWNER/NAME           each document, mode 0600, dated when it was uploaded; several versions of one document are
                         told apart as "NAME (version 2)"
    _trash/OWNER/NAME    what only the trash of the store had
    _payloads/, _files/  what the vault stored that is no document: large metadata, files of other apps
    manifest.json        every object, what became of it and why; true names, ids and digests. One JSON document with
                         one entry on each line, so that a million of them can also be read line by line
    manifest.csv         the same for a spreadsheet: what a spreadsheet would run is quoted, control characters are
                         escaped; where in doubt manifest.json has it exactly
    .recover/            the journal by which an interrupted run goes on; delete it when you are done

Run it again, the same way, after any interruption: what is there is trusted only after its SHA-256 was compared with
the journal, and objects that failed are tried again. Memory is flat, whatever the size and the number of objects.

Exit status: 0 everything was opened, 1 something could not be (the manifest says what and why), 2 wrong usage or keys,
3 stopped early (disk full, source gone), 130 interrupted. After 3 and 130 there is no new manifest; run it again.
"""

import argparse
import base64
import csv
import errno
import getpass
import hashlib
import hmac
import io
import json
import os
import re
import shutil
import signal
import sqlite3
import struct
import sys
import time
import unicodedata
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar
from uuid import UUID

from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

SCHEMA_VERSION = 1  # of manifest.json

T = TypeVar("T")
U = TypeVar("U")

# ---------------------------------------------------------------------------------------------------------------------
# Answers
# ---------------------------------------------------------------------------------------------------------------------


class NotOpened(Exception):
    """Why one object was not opened; the name of the class is the answer in the manifest."""


class MalformedEnvelope(NotOpened):
    """Not an envelope, or one that breaks a rule of FORMAT.md (§1)."""


class UnsupportedEnvelope(NotOpened):
    """A version, suite, flag, stanza type or content coding that this reader does not implement (§1)."""


class UnknownKey(NotOpened):
    """No recipient of the envelope is among the keys given (§1)."""


class UnwrapFailed(NotOpened):
    """A recipient is among the keys, and no DEK came out that fits the commitment (§1)."""


class AuthenticationFailed(NotOpened):
    """A tag or signature is wrong, or the envelope is not the one expected (§1)."""


class BrokenContent(NotOpened):
    """The envelope is sound, and the gzip stream in it is not (§4)."""


class Unreadable(NotOpened):
    """The source could not give the object's bytes; another run may get them."""


class Missing(NotOpened):
    """The object was listed, in this run or an earlier one, and is not there."""


class Stopped(Exception):
    """The whole run ended early; what was done stays done. Exit status 3."""

    status: ClassVar[int] = 3


class WrongUsage(Stopped):
    """The run never began: an argument, a key or a passphrase is wrong. Exit status 2."""

    status: ClassVar[int] = 2


# ---------------------------------------------------------------------------------------------------------------------
# Envelope: FORMAT.md §2 to §7
# ---------------------------------------------------------------------------------------------------------------------

MAGIC = b"\x89VLT\r\n\x1a\n"
TAG = 16  # bytes
CONTEXT = 144  # bytes of PREFIX and CORE
MAX_HEADER = 65_536  # bytes
MAX_CHUNKS = 2**32
MAX_KEY_BLOCK = 4 + 16_600  # bytes
MAX_OUTSIDE = 8  # key blocks from outside, §7.1
RSA_OAEP, HYBRID = 1, 2  # stanza types, §5
ML_KEM_CIPHERTEXT = 1_088  # bytes, FIPS 203
HYBRID_EXTRA = ML_KEM_CIPHERTEXT + 32 + TAG  # bytes of a hybrid wrap beyond the modulus
_WRAPPED_SIZES = {RSA_OAEP: range(384, 1_025), HYBRID: range(384 + HYBRID_EXTRA, 1_025 + HYBRID_EXTRA)}
_NONCE_0 = bytes(12)
_CREATED_AT = re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z", re.ASCII)
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}==")
_MEMBERS = ("filename", "content_type", "owner", "created_at", "content_coding")


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 with 32 bytes of output (§1)."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


class Stanza(NamedTuple):
    """One recipient of a key block (§2.4)."""

    type: int
    kek_id: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class KeyBlock:
    """A key block that is well formed (§2.4); nothing of it is verified until ``verifies`` says so."""

    raw: bytes
    seq: int
    stanzas: tuple[Stanza, ...]

    def verifies(self, dek: bytes, context: bytes) -> bool:
        """Whether who wrote it knew this DEK, for this context (§3)."""
        cipher = AESGCM(hkdf(dek, self.raw[4:36], b"vlt1/keyblock" + context))
        tag = cipher.encrypt(_NONCE_0, b"", context + self.raw[:-TAG])
        return hmac.compare_digest(tag, self.raw[-TAG:])


@dataclass(frozen=True, slots=True)
class Header:
    """A header that is well formed (§2.1 to §2.5), all of it still a claim."""

    size: int
    context: bytes
    chunk_size: int
    meta: bytes
    key_block: KeyBlock
    digest: bytes  # SHA-256 of all of it

    @property
    def ids(self) -> tuple[UUID, UUID, UUID]:
        """The ids of vault, document and attachment."""
        return UUID(bytes=self.context[16:32]), UUID(bytes=self.context[32:48]), UUID(bytes=self.context[48:64])


@dataclass(frozen=True, slots=True)
class Metadata:
    """The META text (§4). All of it is what an uploader said: nothing is safe as a path or in a terminal."""

    filename: str
    content_type: str
    owner: str
    created_at: str
    content_coding: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A header that verified (§7 steps 1 to 7). ``sidecars`` says of each key block from outside what it was."""

    header: Header
    dek: bytes = field(repr=False)
    metadata: Metadata
    wrap: int
    kek_id: bytes
    seq: int
    origin_verified: bool
    sidecars: tuple[str, ...]


def header_size(first: bytes) -> int:
    """Bytes of the header, by its first 16 (§2.1). Raises MalformedEnvelope, UnsupportedEnvelope."""
    if len(first) < 16:
        raise MalformedEnvelope("It is shorter than any envelope.")
    if first[:8] != MAGIC:
        raise MalformedEnvelope("It does not begin as an envelope does.")
    if first[8] != 1:
        raise UnsupportedEnvelope(f"It is of version {first[8]}.")
    if first[9] != 1:
        raise UnsupportedEnvelope(f"It is of suite {first[9]}.")
    if first[10:12] != b"\0\0":
        raise UnsupportedEnvelope("It has flags.")
    size = int.from_bytes(first[12:16], "big")
    if size % 4_096 or not 4_096 <= size <= MAX_HEADER:
        raise MalformedEnvelope(f"A header cannot have {size:,} bytes.")
    return size


def parse_header(data: bytes) -> Header:
    """The header at the start of ``data``, which may go on behind it (§2). Raises as ``header_size`` does."""
    size = header_size(data)
    if len(data) < size:
        raise MalformedEnvelope("It ends inside its header.")
    context = data[:CONTEXT]
    if not 12 <= context[64] <= 22:
        raise MalformedEnvelope(f"A chunk cannot have 2^{context[64]} bytes.")
    length = int.from_bytes(data[CONTEXT : CONTEXT + 4], "big")
    end = CONTEXT + 4 + length
    texts, rest = divmod(length - TAG, 256)
    if rest or not 1 <= texts <= 128 or end > size:
        raise MalformedEnvelope(f"META cannot have {length:,} bytes here.")
    block = parse_key_block(data[end:size])
    if any(context[65:80]) or any(data[end + len(block.raw) : size]):
        raise MalformedEnvelope("It has other bytes where zeros belong.")
    return Header(size, context, 1 << context[64], data[CONTEXT:end], block, hashlib.sha256(data[:size]).digest())


def parse_key_block(data: bytes) -> KeyBlock:
    """The key block at the start of ``data`` (§2.4). Raises MalformedEnvelope."""
    length = int.from_bytes(data[:4], "big")
    if len(data) < 4 + length or not 97 <= length <= 16_600:
        raise MalformedEnvelope(f"A key block cannot have {length:,} bytes here.")
    raw, count = data[: 4 + length], data[40]
    if not 1 <= count <= 4 or any(raw[41:44]):
        raise MalformedEnvelope("The key block has an impossible number of stanzas, or no zeros where they belong.")
    stanzas, rest = [], raw[44:-TAG]
    for _ in range(count):
        stanzas.append(_parse_stanza(rest))
        rest = rest[40 + len(stanzas[-1].wrapped) :]
    if rest:
        raise MalformedEnvelope("The key block has bytes behind its last stanza.")
    if len({stanza.kek_id for stanza in stanzas}) < count:
        raise MalformedEnvelope("The key block names one KEK twice.")
    if {RSA_OAEP, HYBRID} <= {stanza.type for stanza in stanzas}:
        raise MalformedEnvelope("The key block holds a weaker wrap beside a stronger one.")
    return KeyBlock(raw, int.from_bytes(raw[36:40], "big"), tuple(stanzas))


def _parse_stanza(data: bytes) -> Stanza:
    if len(data) < 40:
        raise MalformedEnvelope("A stanza is cut short.")
    kind, zeros, kek_id, size = struct.unpack_from(">HH32sI", data)
    if not kind or zeros:
        raise MalformedEnvelope("A stanza has no type, or no zeros where they belong.")
    if size not in _WRAPPED_SIZES.get(kind, range(1, 4_097)) or len(data) < 40 + size:
        raise MalformedEnvelope(f"A wrapped DEK of type {kind} cannot have {size:,} bytes here.")
    return Stanza(kind, kek_id, data[40 : 40 + size])


@dataclass(frozen=True, slots=True)
class Kek:
    """The private half of a KEK: an RSA key, and for a hybrid one an ML-KEM-768 key too (§1, §5)."""

    kek_id: bytes
    rsa: RSAPrivateKey = field(repr=False)
    ml_kem: Any = field(default=None, repr=False)  # MLKEM768PrivateKey, which older libraries do not have

    @property
    def type(self) -> int:
        """The one stanza type that is read under this KEK's id."""
        return HYBRID if self.ml_kem else RSA_OAEP

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """32 bytes in every case: the DEK, or random ones that the commitment will refuse (§5, one failure for all)."""
        return self._unwrap_hybrid(wrapped, context) if self.ml_kem else self._decrypt(wrapped)

    def _decrypt(self, wrapped: bytes) -> bytes:
        secret = os.urandom(32)
        oaep = padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=None)
        with suppress(ValueError):
            found = self.rsa.decrypt(wrapped, oaep)
            secret = found if len(found) == 32 else secret
        return secret

    def _unwrap_hybrid(self, wrapped: bytes, context: bytes) -> bytes:
        modulus = self.rsa.key_size // 8
        if len(wrapped) != modulus + HYBRID_EXTRA:
            wrapped = os.urandom(modulus + HYBRID_EXTRA)
        ciphertexts, sealed = wrapped[: modulus + ML_KEM_CIPHERTEXT], wrapped[modulus + ML_KEM_CIPHERTEXT :]
        secrets = self._decrypt(ciphertexts[:modulus]) + self.ml_kem.decapsulate(ciphertexts[modulus:])
        public = hashlib.sha256(self.ml_kem.public_key().public_bytes_raw()).digest()
        info = b"vlt1/kem-rsa-mlkem768" + self.kek_id + public + hashlib.sha256(ciphertexts).digest()
        dek = os.urandom(32)
        with suppress(InvalidTag):
            dek = AESGCM(hkdf(secrets, b"", info)).decrypt(_NONCE_0, sealed, context)
        return dek


@dataclass(frozen=True, slots=True)
class Keys:
    """All private keys by KEK id, and the origin public keys, none where no signature is asked for.

    ``weakest`` is the weakest stanza type that is read (§5.3); recovery reads every one.
    """

    keks: dict[bytes, Kek]
    origin: tuple[Ed25519PublicKey, ...] = ()
    weakest: int = RSA_OAEP

    def reads(self, stanza: Stanza) -> bool:
        """Whether its type is one that this reader implements and accepts."""
        return self.weakest <= stanza.type <= HYBRID

    def usable(self, block: KeyBlock) -> Stanza | None:
        """The first stanza that a key is there for: of its id, and of the type that a key with this id has (§5)."""
        for stanza in block.stanzas:
            kek = self.keks.get(stanza.kek_id)
            if kek and kek.type == stanza.type and self.reads(stanza):
                return stanza
        return None


def open_header(data: bytes, keys: Keys, outside: Sequence[bytes] = ()) -> Opened:
    """Verify the header at the start of ``data``, with at most 8 newer key blocks (§7 steps 1 to 7).

    Raises one of the five answers of §1.
    """
    header = parse_header(data)
    own, context = header.key_block, header.context
    blocks = [_from_outside(raw) for raw in outside[:MAX_OUTSIDE]]
    candidates = sorted([own, *(block for block in blocks if block)], key=lambda block: block.seq, reverse=True)
    dek, stanza = _first_fitting(candidates, own, context, keys)
    if not own.verifies(dek, context):
        raise AuthenticationFailed("The key block in its header was changed.")
    sound = [block for block in candidates if block.verifies(dek, context)]
    metadata, signature = _open_meta(header, dek)
    if keys.origin and not any(_signed(key, signature, context) for key in keys.origin):
        raise AuthenticationFailed("None of the origin keys signed it.")
    told = tuple(_said_of(raw, block, sound, keys) for raw, block in zip(outside, blocks, strict=False))
    return Opened(header, dek, metadata, stanza.type, stanza.kek_id, sound[0].seq, bool(keys.origin), told)


def _from_outside(raw: bytes) -> KeyBlock | None:
    """A key block with nothing behind it, or None for one that is to be set aside (§7.1)."""
    try:
        block = parse_key_block(raw)
    except MalformedEnvelope:
        return None
    return block if len(block.raw) == len(raw) else None


def _said_of(raw: bytes, block: KeyBlock | None, sound: Sequence[KeyBlock], keys: Keys) -> str:
    if block is None:
        return "set aside: it is cut short or malformed"
    if block in sound:
        return "current" if sound[0].raw == raw else "verified: a newer one is there"
    known = "" if keys.usable(block) else ", and no key was given for it"
    return f"set aside: it was not made by who knew this document's DEK{known}"


def _first_fitting(candidates: Sequence[KeyBlock], own: KeyBlock, context: bytes, keys: Keys) -> tuple[bytes, Stanza]:
    tried = False
    for block in candidates:
        if stanza := keys.usable(block):
            tried = True
            dek = keys.keks[stanza.kek_id].unwrap(stanza.wrapped, context)
            if hmac.compare_digest(hkdf(dek, context[80:112], b"vlt1/commit" + context[:112]), context[112:144]):
                return dek, stanza
    if tried:
        raise UnwrapFailed("A wrapped DEK or the header is damaged.")
    if not all(keys.reads(stanza) for stanza in own.stanzas):
        raise UnsupportedEnvelope("Its DEK is wrapped in a way that this script does not know.")
    wanted = ", ".join(stanza.kek_id.hex()[:16] for stanza in own.stanzas)
    raise UnknownKey(f"None of the keys given is a recipient of it. Its recipients: {wanted}.")


def _open_meta(header: Header, dek: bytes) -> tuple[Metadata, bytes | None]:
    """What META says, and the origin signature (§2.3, §4)."""
    context = header.context
    cipher = AESGCM(hkdf(dek, context[80:112], b"vlt1/meta" + context))
    try:
        text = cipher.decrypt(_NONCE_0, header.meta[4:], context + header.meta[:4])
    except InvalidTag:
        raise AuthenticationFailed("META was changed.") from None
    members = _members_of(text)
    signature = members.get("origin_signature")
    if signature is not None and not _SIGNATURE.fullmatch(signature):
        raise MalformedEnvelope("META's origin signature is not the base64 of 64 bytes.")
    if not _CREATED_AT.fullmatch(members["created_at"]):
        raise MalformedEnvelope("META's created_at has another form.")
    try:
        datetime.fromisoformat(members["created_at"])
    except ValueError:
        raise MalformedEnvelope("META's created_at is no time of any calendar.") from None
    if members["content_coding"] not in ("identity", "gzip"):
        raise UnsupportedEnvelope("The document has a content coding that this script does not know.")
    return Metadata(*(members[name] for name in _MEMBERS)), None if signature is None else base64.b64decode(signature)


def _members_of(text: bytes) -> dict[str, str]:
    try:
        members = json.loads(text.decode())
        sound = isinstance(members, dict) and all(isinstance(value, str) for value in members.values())
        for word in (*members.keys(), *members.values()) if sound else ():
            word.encode()  # a lone surrogate, which JSON can escape, raises
    except (ValueError, RecursionError):
        raise MalformedEnvelope("META is not JSON in UTF-8.") from None
    if not sound or not members.keys() >= set(_MEMBERS):
        raise MalformedEnvelope("META is not an object of strings, or lacks one.")
    return dict(members)


def _signed(key: Ed25519PublicKey, signature: bytes | None, context: bytes) -> bool:
    """Whether this origin key signed the envelope (§4.1)."""
    try:
        key.verify(signature or b"", b"vlt1/origin" + hashlib.sha256(context).digest())
    except InvalidSignature:
        return False
    return True


class Stream(Protocol):
    """Bytes of an object. ``read`` gives at most ``size``, none at the end; it raises Unreadable."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        ...

    def close(self) -> None:
        """Give the connection back; may be called again."""


def chunk_count(header: Header, object_size: int) -> int:
    """How many chunks an object of this size has (§7.2). Raises MalformedEnvelope for a size that cannot be."""
    body, stride = object_size - header.size, header.chunk_size + TAG
    count = -(-body // stride)
    last = body - (count - 1) * stride
    if body < TAG or count > MAX_CHUNKS or last < (TAG if count == 1 else TAG + 1):
        raise MalformedEnvelope(f"No envelope with this header has {object_size:,} bytes.")
    return count


def open_chunks(
    opened: Opened, stream: Stream, object_size: int, *, first: int = 0, stop: int | None = None
) -> Iterator[bytes]:
    """Yield the plaintext of chunks ``first`` up to, not including, ``stop`` (None: all), each after its tag verified.

    ``stream`` stands at the first of them. Raises MalformedEnvelope before any, AuthenticationFailed where one is not
    as it was sealed, or the object is shorter or longer than ``object_size``; what was yielded before is sound (§7.3).
    """
    header, count = opened.header, chunk_count(opened.header, object_size)
    cipher = AESGCM(hkdf(opened.dek, header.context[80:112], b"vlt1/body" + header.context))
    stride = header.chunk_size + TAG
    for index in range(first, count if stop is None else stop):
        is_last = index == count - 1
        length = object_size - header.size - index * stride if is_last else stride
        sealed = read_fully(stream, length)
        if len(sealed) < length or (is_last and stream.read(1)):
            raise AuthenticationFailed("It is shorter or longer than the source said.")
        try:
            yield cipher.decrypt(index.to_bytes(11, "big") + bytes([is_last]), sealed, b"")
        except InvalidTag:
            raise AuthenticationFailed(
                f"Chunk {index:,} of {count:,} was changed, or stands in another's place."
            ) from None


def read_fully(stream: Stream, size: int) -> bytes:
    """``size`` bytes, fewer only at the end of the object."""
    data = stream.read(size)
    if len(data) in (0, size):
        return data
    pieces, missing = [data], size - len(data)
    while missing and (data := stream.read(missing)):
        pieces.append(data)
        missing -= len(data)
    return b"".join(pieces)


# ---------------------------------------------------------------------------------------------------------------------
# Keys: PEM files
# ---------------------------------------------------------------------------------------------------------------------

PASSPHRASE_VARIABLE = "VAULT_KEK_PASSPHRASE"  # noqa: S105  # its name
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_OTHERS = 0o077  # permission bits of the group and of everybody

# Asks for the passphrase of the key of this name, or returns None where nobody can be asked.
Ask = Callable[[str], str | None]


def read_secret_file(path: Path) -> bytes:
    """A key or passphrase file. Raises WrongUsage where it cannot be read, or where others may read it."""
    try:
        mode, content = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise WrongUsage(f"{path} cannot be read: {error.strerror}.") from None
    if os.name == "posix" and mode & _OTHERS:
        raise WrongUsage(f"{path} may be read by others than its owner. Run: chmod 600 {path}")
    return content


def load_kek(pem: bytes, name: str, passphrases: Sequence[bytes], ask: Ask) -> Kek:
    """The private KEK in a PEM: one RSA block, or one RSA and one ML-KEM-768 block (§5). Raises WrongUsage."""
    blocks = [match[0] for match in _PEM.finditer(pem)]
    if any(b"PRIVATE KEY-----" not in block for block in blocks) or not 1 <= len(blocks) <= 2:
        raise WrongUsage(f"{name} is not the PEM of a private key: one block, or two for a hybrid key.")
    rsa, *ml_kem = _load_blocks(blocks, name, passphrases, ask)
    if not isinstance(rsa, RSAPrivateKey) or (ml_kem and not hasattr(ml_kem[0], "decapsulate")):
        raise WrongUsage(f"{name} is not a KEK: that is an RSA key, with an ML-KEM-768 key behind it if it is hybrid.")
    if not 3_072 <= rsa.key_size <= 8_192 or rsa.key_size % 8:
        raise WrongUsage(f"{name} has {rsa.key_size} bits; a KEK has 3,072 to 8,192.")
    if ml_kem and len(ml_kem[0].public_key().public_bytes_raw()) != 1_184:
        raise WrongUsage(f"{name} holds an ML-KEM key of another size than ML-KEM-768.")
    public = [key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in (rsa, *ml_kem)]
    return Kek(hashlib.sha256(b"".join(public)).digest(), rsa, ml_kem[0] if ml_kem else None)


def _load_blocks(blocks: Sequence[bytes], name: str, passphrases: Sequence[bytes], ask: Ask) -> list[Any]:
    """The private keys of all blocks, under one passphrase or none. Errors quote neither key nor passphrase."""
    for passphrase in (None, *passphrases):
        if (keys := _try_blocks(blocks, name, passphrase)) is not None:
            return keys
    asked = ask(name)
    if asked and (keys := _try_blocks(blocks, name, asked.encode())) is not None:
        return keys
    if asked or passphrases:
        raise WrongUsage(f"{name} does not open: the passphrase is wrong, or the PEM is damaged.")
    raise WrongUsage(f"{name} is encrypted: give --passphrase-file, or set {PASSPHRASE_VARIABLE}.")


def _try_blocks(blocks: Sequence[bytes], name: str, passphrase: bytes | None) -> list[Any] | None:
    """The keys, or None where they need another passphrase; one that is not encrypted takes none."""
    encrypted = [b"ENCRYPTED" in block for block in blocks]
    if any(encrypted) != all(encrypted):
        raise WrongUsage(f"{name} has one encrypted block and one that is not.")
    if encrypted[0] and passphrase is None:
        return None
    try:
        return [load_pem_private_key(block, passphrase if encrypted[0] else None) for block in blocks]
    except UnsupportedAlgorithm:
        raise WrongUsage(f"{name} is of a kind that this release of `cryptography` does not know.") from None
    except (ValueError, TypeError):
        if encrypted[0]:
            return None
        raise WrongUsage(f"{name} is not a readable PEM. Was it copied whole?") from None


def load_origin_key(pem: bytes, name: str) -> Ed25519PublicKey:
    """An origin public key. Raises WrongUsage."""
    with suppress(ValueError, UnsupportedAlgorithm):
        key = load_pem_public_key(pem)
        if isinstance(key, Ed25519PublicKey):
            return key
    raise WrongUsage(f"{name} is not the PEM of an origin public key (Ed25519).")


def ring_of(keks: Iterable[Kek], origin: Iterable[Ed25519PublicKey] = ()) -> Keys:
    """The keys by their ids."""
    return Keys({kek.kek_id: kek for kek in keks}, tuple(origin))


# ---------------------------------------------------------------------------------------------------------------------
# Sources: a directory, a bucket, or whatever else lists and opens objects
# ---------------------------------------------------------------------------------------------------------------------


class Found(NamedTuple):
    """One object of a listing. ``stamp`` changes when the object does: its time, and its ETag where there is one.

    ``problem`` says why what is there cannot be read; of a directory, whose ``key`` ends with "/", all below it.
    """

    key: str
    size: int
    stamp: str
    problem: str = ""


class Source(Protocol):
    """Where objects are. For any number of threads at once."""

    @property
    def label(self) -> str:
        """What the manifest calls it."""
        ...

    def list(self) -> Iterator[Found]:
        """Every object, lazily, in any order. Raises Stopped where it cannot be listed."""
        ...

    def unfinished(self) -> Iterator[str]:
        """What was begun and never finished, in words. Not an error where the source cannot tell."""
        ...

    def open(self, key: str, limit: int | None = None) -> Stream:
        """The object from its first byte on, at most ``limit`` bytes of it. Raises Missing, Unreadable."""
        ...


class Directory:
    """The files below a directory: what the local provider keeps, or what was copied out of a bucket.

    Symbolic links are not followed. A name that is not UTF-8 is kept as the operating system has it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.label = str(root.resolve())  # however it is written: it is the same source
        if not root.is_dir():
            raise WrongUsage(f"{root} is not a directory.")

    def list(self) -> Iterator[Found]:
        """Every regular file, in no order, in memory that grows with the depth of the tree alone.

        A directory below that cannot be listed is told as a problem, and the others are read. Raises Stopped where the
        whole cannot be.
        """
        try:
            entries = os.scandir(self._root)
        except OSError as error:
            raise Stopped(f"{self._root} cannot be listed: {error.strerror}.") from None
        with entries:
            yield from self._entries(entries, "")

    def unfinished(self) -> Iterator[str]:
        """Nothing: unfinished files of the local provider are in the listing, and told by their names."""
        return iter(())

    def open(self, key: str, limit: int | None = None) -> Stream:
        """The file. What the disk says is Unreadable, but for a file that is not there."""
        try:
            descriptor = os.open(
                self._root / key, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            )
        except FileNotFoundError:
            raise Missing("The file went away after it was listed.") from None
        except OSError as error:
            raise Unreadable(f"The file cannot be opened: {error.strerror}.") from None
        return _FileStream(descriptor, limit)

    def _below(self, path: str) -> Iterator[Found]:
        try:
            entries = os.scandir(self._root / path)
        except FileNotFoundError:  # it went away after its name was read
            return
        except OSError as error:
            yield _unlisted(path, error)
            return
        with entries:
            yield from self._entries(entries, path)

    def _entries(self, entries: "Iterator[os.DirEntry[str]]", path: str) -> Iterator[Found]:
        while True:
            try:
                entry = next(entries, None)
            except OSError as error:
                yield _unlisted(path, error)
                return
            if entry is None:
                return
            yield from self._found(entry, path + entry.name)

    def _found(self, entry: "os.DirEntry[str]", key: str) -> Iterator[Found]:
        try:
            is_directory, is_file = entry.is_dir(follow_symlinks=False), entry.is_file(follow_symlinks=False)
            status = entry.stat(follow_symlinks=False) if is_file else None
        except FileNotFoundError:  # as above
            return
        except OSError as error:
            yield Found(key, 0, "", f"The file cannot be looked at: {error.strerror}.")
            return
        if is_directory:
            yield from self._below(f"{key}/")
        elif status:
            yield Found(key, status.st_size, str(status.st_mtime_ns))


def _unlisted(path: str, error: OSError) -> Found:
    return Found(
        path or "./", 0, "", f"The directory cannot be listed: {error.strerror}. What is below it is not told."
    )


class _FileStream:
    def __init__(self, descriptor: int, limit: int | None) -> None:
        self._file, self._left = io.FileIO(descriptor), limit

    def read(self, size: int, /) -> bytes:
        size = size if self._left is None else min(size, self._left)
        try:
            data = self._file.read(size)
        except OSError as error:
            raise Unreadable(f"The disk gives no bytes: {error.strerror}.") from None
        if self._left is not None:
            self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()


class Bucket:
    """The objects of an S3 bucket below a prefix, through boto3, which is imported here and nowhere else."""

    def __init__(self, address: str, endpoint_url: str | None) -> None:
        self._bucket, _, prefix = address.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
        self.label = f"s3://{self._bucket}/{self._prefix}".rstrip("/")
        try:
            import boto3
            import botocore.exceptions
            from botocore.config import Config
            from urllib3.exceptions import HTTPError
        except ImportError:
            raise WrongUsage(
                "A bucket is read through boto3, which is not installed. Install it, or copy the bucket."
            ) from None
        self._faults: tuple[type[Exception], ...] = (
            botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, HTTPError, OSError,
        )  # fmt: skip
        config = Config(
            s3={"addressing_style": "path" if endpoint_url else "auto"},
            retries={"mode": "standard", "total_max_attempts": 5},
            max_pool_connections=32,
            # Asked of an S3-compatible store, some refuse.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )  # fmt: skip
        try:
            self._client: Any = boto3.client("s3", endpoint_url=endpoint_url, config=config)
        except (*self._faults, ValueError) as error:
            raise WrongUsage(f"The bucket cannot be asked: {error}") from None

    def list(self) -> Iterator[Found]:
        """Every object below the prefix, page by page."""
        try:
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            ):
                for item in page.get("Contents", ()):
                    stamp = f"{item['LastModified'].isoformat()} {item['ETag'].strip(chr(34))}"
                    yield Found(item["Key"][len(self._prefix) :], item["Size"], stamp)
        except self._faults as error:
            raise Stopped(f"{self.label} cannot be listed: {error}") from None

    def unfinished(self) -> Iterator[str]:
        """Multipart uploads that nobody completed: no object came of them, and their parts cannot be read."""
        with suppress(*self._faults):  # not every store lets everybody ask
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                yield from (upload["Key"][len(self._prefix) :] for upload in page.get("Uploads", ()))

    def open(self, key: str, limit: int | None = None) -> Stream:
        """The object, or its first bytes. A broken connection is Unreadable; ``fetch`` tries again."""
        wanted = {} if limit is None else {"Range": f"bytes=0-{limit - 1}"}
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key, **wanted)
        except self._faults as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if code == "InvalidRange":  # of an empty object every range is
                return io.BytesIO()
            if code in ("NoSuchKey", "404"):
                raise Missing("The object went away after it was listed.") from None
            raise Unreadable(f"The bucket gives no object: {error}") from None
        return _BodyStream(answer["Body"], self._faults)


class _BodyStream:
    def __init__(self, body: Any, faults: tuple[type[Exception], ...]) -> None:
        self._body, self._faults = body, faults

    def read(self, size: int, /) -> bytes:
        try:
            return bytes(self._body.read(size))
        except self._faults as error:
            raise Unreadable(f"The connection broke: {type(error).__name__}.") from None

    def close(self) -> None:
        self._body.close()


# ---------------------------------------------------------------------------------------------------------------------
# Names: what people gave, made harmless for any file system
# ---------------------------------------------------------------------------------------------------------------------

NAME_BYTES = 180  # of a name in UTF-8: the least of common limits is 255, and " (version 12) (3)" has to fit behind it
_ENDING_BYTES = 20  # what is longer is no ending
# Control, format (right-to-left override and other invisibles), surrogate, private, unassigned, separators.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SEPARATORS = re.compile(r'[/\\<>:"|?*]')
_DEVICE = re.compile(
    r"(CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(COM|LPT)[0-9¹²³])\s*(\..*)?", re.IGNORECASE | re.DOTALL
)


def safe_name(text: str, fallback: str) -> str:
    """One segment of a path that every common file system takes, shows as it is, and confuses with nothing.

    No separator, no control or invisible character, no leading dot, dash or tilde, no name of a device, at most 180
    bytes with the ending kept; ``fallback`` where nothing is left. Not unique: that is ``Journal.reserve``'s.
    """
    plain = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) not in _INVISIBLE)
    plain = " ".join(_SEPARATORS.sub("_", unicodedata.normalize("NFC", plain)).split()).strip(". ")
    if not plain:
        return fallback
    if plain[0] in "-~" or _DEVICE.fullmatch(plain):
        plain = f"_{plain}"
    stem, ending = split_ending(plain)
    return stem.encode()[: NAME_BYTES - len(ending.encode())].decode(errors="ignore").rstrip(". ") + ending


def split_ending(name: str) -> tuple[str, str]:
    """``payslip.pdf`` is ``payslip`` and ``.pdf``; a long or empty ending is none."""
    stem, dot, ending = name.rpartition(".")
    if not stem or not ending or len(ending.encode()) > _ENDING_BYTES:
        return name, ""
    return stem, dot + ending


def folded(path: str) -> str:
    """What two paths have in common that a case-insensitive or normalising file system takes for one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", path).casefold())


def printable(text: str) -> str:
    """The text with what would steer a terminal or a spreadsheet escaped."""
    if text.isprintable():
        return text
    return "".join(c.encode("unicode_escape").decode() if unicodedata.category(c) in _INVISIBLE else c for c in text)


# ---------------------------------------------------------------------------------------------------------------------
# The journal: what was found, what became of it, and where a run goes on
# ---------------------------------------------------------------------------------------------------------------------

# Kinds of objects. What is one of the first three is decided by what it says once it is open.
DOCUMENT, PAYLOAD, APP_FILE = "document", "payload", "file of an app"
SIDECAR, OWN_RECORD, UNFINISHED, FOREIGN = "key block", "record of the vault", "unfinished", "foreign"
DIRECTORY = "directory"  # one that could not be listed
# Outcomes, in the order in which an envelope has them. OPENABLE is the end of --list; PUBLISHED is between the moment
# when a file was whole and verified under a temporary name, and the one when it was seen under its own.
NEW, OPENABLE, PUBLISHED, RECOVERED = "new", "openable", "published", "recovered"
COPY, FAILED, TOLD, LEFT_OUT = "copy", "failed", "told", "left out"

_COLUMNS = {
    "key": "BLOB PRIMARY KEY",  # bytes: not every name of a file is UTF-8
    "kind": "TEXT", "outcome": "TEXT", "answer": "TEXT", "why": "TEXT", "path": "TEXT", "owner": "TEXT",
    "filename": "TEXT", "content_type": "TEXT", "created_at": "TEXT", "version": "INTEGER", "versions": "INTEGER",
    "size": "INTEGER", "sha256": "TEXT", "content_coding": "TEXT", "plaintext_size": "INTEGER",
    "plaintext_sha256": "TEXT", "document_id": "TEXT", "attachment_id": "TEXT", "vault_id": "TEXT",
    "object_size": "INTEGER", "object_sha256": "TEXT", "wrap": "TEXT", "kek_id": "TEXT", "key_block_seq": "INTEGER",
    "origin_signature": "TEXT", "copy_of": "TEXT", "in_trash": "INTEGER",
    # Of the journal alone:
    "stamp": "TEXT", "context": "BLOB", "seen": "INTEGER",
}  # fmt: skip
MANIFEST_COLUMNS = tuple(_COLUMNS)[:-3]
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS objects ({", ".join(f"{name} {kind}" for name, kind in _COLUMNS.items())}) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_context ON objects (context) WHERE context IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_attachment ON objects (attachment_id, kind, key_block_seq);
CREATE INDEX IF NOT EXISTS by_document ON objects (document_id, created_at, attachment_id);
CREATE TABLE IF NOT EXISTS names (folded TEXT PRIMARY KEY, path TEXT, taken_by BLOB, next INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owners (owner TEXT PRIMARY KEY, directory TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""
PAGE = 500  # rows read at a time

Row = sqlite3.Row


def key_bytes(key: str) -> bytes:
    """The key as the journal has it."""
    return key.encode("utf-8", "surrogateescape")


def key_text(key: bytes) -> str:
    """The key as a source has it."""
    return key.decode("utf-8", "surrogateescape")


class Journal:
    """An SQLite database in the destination: each change is on the disk when ``commit`` returns.

    Only one run at a time can have it open. ``path`` None keeps it in memory, spilled to a temporary file where it is
    large: for --list. Raises Stopped where it cannot be opened.
    """

    def __init__(self, path: Path | None) -> None:
        if path:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        # The threads that read objects ask for key blocks; everything else is one thread's.
        self._database = sqlite3.connect(str(path or ""), isolation_level=None, timeout=1, check_same_thread=False)
        self._lock = Lock()
        self._database.row_factory = Row
        try:
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise Stopped(f"The journal {path} cannot be used: {error}. Is another run writing there?") from None
        for statement in _SCHEMA.split(";"):
            self._database.execute(statement)

    def close(self) -> None:
        """Close it; what was not committed is forgotten."""
        self._database.close()

    def commit(self) -> None:
        """Put what was changed on the disk, all of it or nothing."""
        self._database.execute("COMMIT")
        self._database.execute("BEGIN EXCLUSIVE")

    def get(self, sql: str, *values: object) -> Row | None:
        """The first row of a query over ``objects``."""
        row: Row | None = self._database.execute(f"SELECT * FROM objects WHERE {sql}", values).fetchone()
        return row

    def pages(self, sql: str, *values: object) -> Iterator[list[Row]]:
        """All rows of a query over ``objects`` by key, so many at a time; they may be changed meanwhile.

        There is no index by outcome on purpose: a page is then the next stretch of keys, never a sort of all rows.
        """
        after = b""
        while rows := self._database.execute(
            f"SELECT * FROM objects WHERE ({sql}) AND key > ? ORDER BY key LIMIT {PAGE}", (*values, after)
        ).fetchall():
            yield rows
            after = rows[-1]["key"]

    def rows(self, sql: str, *values: object) -> Iterator[Row]:
        """The same one by one."""
        return (row for page in self.pages(sql, *values) for row in page)

    def set(self, key: bytes, **values: object) -> None:
        """Change columns of one object's row."""
        assignments = ", ".join(f"{name} = ?" for name in values)
        self._database.execute(f"UPDATE objects SET {assignments} WHERE key = ?", (*values.values(), key))

    def note(self, found: Found, kind: str, attachment_id: str | None, seq: int | None, *, run: int) -> None:
        """Note an object of the listing. One that is as it was keeps its outcome; a changed one begins anew.

        One with a problem failed, unless an earlier run recovered it.
        """
        key = key_bytes(found.key)
        known = self.get("key = ?", key)
        as_it_was = known and (known["object_size"], known["stamp"]) == (found.size, found.stamp)
        if found.problem:
            as_it_was = known and known["outcome"] in (PUBLISHED, RECOVERED, COPY)
        if as_it_was:
            self.set(key, seen=run)
            return
        outcome, answer = (FAILED, "Unreadable") if found.problem else (NEW, None)
        self._database.execute(
            "INSERT OR REPLACE INTO objects (key, kind, outcome, answer, why, attachment_id, key_block_seq,"
            " object_size, stamp, seen, in_trash, path) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key, kind, outcome, answer, found.problem or None, attachment_id, seq, found.size, found.stamp, run,
             found.key.startswith("trash/"), known and known["path"]),
        )  # fmt: skip

    def forget_directories(self) -> None:
        """Directories are told by each run anew."""
        self._database.execute("DELETE FROM objects WHERE kind = ?", (DIRECTORY,))

    def is_below_unlisted(self, key: bytes) -> bool:
        """Whether a directory above this key could not be listed in this run."""
        above = [key[: place + 1] for place, byte in enumerate(key) if byte == ord("/")]
        return any(self.get("key = ? AND kind = ?", path, DIRECTORY) for path in (b"./", *above))

    def sidecars_of(self, attachment_id: str) -> list[str]:
        """The keys of the newest key blocks beside an attachment, by their names; at most 8 (§7.1). For any thread."""
        with self._lock:
            rows = self._database.execute(
                "SELECT key FROM objects WHERE attachment_id = ? AND kind = ? ORDER BY key_block_seq DESC LIMIT ?",
                (attachment_id, SIDECAR, MAX_OUTSIDE),
            ).fetchall()
        return [key_text(row["key"]) for row in rows]

    def keep_free(self, name: str) -> None:
        """Have no owner's directory called that."""
        self._database.execute("INSERT OR IGNORE INTO names VALUES (?, ?, NULL, 2)", (folded(name), name))

    def count_runs(self) -> int:
        """The number of this run: one more than the last."""
        row = self._database.execute("SELECT value FROM run WHERE name = 'runs'").fetchone()
        run = int(row["value"]) + 1 if row else 1
        self._database.execute("INSERT OR REPLACE INTO run VALUES ('runs', ?)", (str(run),))
        return run

    def same_source(self, label: str) -> bool:
        """Whether this is the source of the runs before; the first run's is kept."""
        self._database.execute("INSERT OR IGNORE INTO run VALUES ('source', ?)", (label,))
        row = self._database.execute("SELECT value FROM run WHERE name = 'source'").fetchone()
        return bool(row["value"] == label)

    def count_versions(self) -> None:
        """Number the versions of each document that has several, in the order in which they were made."""
        self._database.execute(
            "UPDATE objects SET version = numbered.place, versions = numbered.total FROM (SELECT key AS k, place,"
            " MAX(place) OVER (PARTITION BY document_id) AS total FROM (SELECT key, document_id, DENSE_RANK() OVER"
            " (PARTITION BY document_id ORDER BY created_at, attachment_id) AS place FROM objects WHERE context"
            " IS NOT NULL)) AS numbered WHERE objects.key = numbered.k"
        )

    def count(self, sql: str, *values: object) -> int:
        """How many rows of ``objects`` a query has."""
        return int(self._database.execute(f"SELECT COUNT(*) FROM objects WHERE {sql}", values).fetchone()[0])

    def totals(self) -> list[Row]:
        """Counts and bytes by kind, outcome and answer."""
        return self._database.execute(
            "SELECT kind, outcome, answer, in_trash, COUNT(*) AS count, COALESCE(SUM(size), 0) AS size FROM objects"
            " GROUP BY kind, outcome, answer, in_trash ORDER BY kind, outcome, answer"
        ).fetchall()

    def directory_of(self, owner: str) -> str:
        """The directory of an owner: its own, whatever other owners are called."""
        row = self._database.execute("SELECT directory FROM owners WHERE owner = ?", (owner,)).fetchone()
        if row:
            return str(row["directory"])
        directory = self._unique("", safe_name(owner, "_no owner") if owner else "_no owner", b"", lambda _path: False)
        self._database.execute("INSERT INTO owners VALUES (?, ?)", (owner, directory))
        return directory

    def reserve(self, directory: str, name: str, key: bytes, is_taken: Callable[[str], bool]) -> str:
        """A path for this object that no other has, and that ``is_taken`` does not know; committed with the rest."""
        return self._unique(f"{directory}/", name, key, is_taken)

    def _unique(self, above: str, name: str, key: bytes, is_taken: Callable[[str], bool]) -> str:
        stem, ending = split_ending(name)
        row = self._database.execute("SELECT next FROM names WHERE folded = ?", (folded(above + name),)).fetchone()
        number = row["next"] if row else 1
        while True:
            path = above + (name if number == 1 else f"{stem} ({number}){ending}")
            number += 1
            taken = self._database.execute("SELECT 1 FROM names WHERE folded = ?", (folded(path),)).fetchone()
            if not taken and not is_taken(path):
                break
        self._database.execute("INSERT INTO names VALUES (?, ?, ?, 2)", (folded(path), path, key))
        self._database.execute("UPDATE names SET next = ? WHERE folded = ?", (number, folded(above + name)))
        return path


# ---------------------------------------------------------------------------------------------------------------------
# One object: its header, and its document into a temporary file
# ---------------------------------------------------------------------------------------------------------------------

_FIRST_READ = 8_192  # bytes; headers have 4,096 unless a name is very long or there are many recipients
_ATTEMPTS = 3  # for an object whose bytes did not come


class Job(NamedTuple):
    """An object to open. ``opened`` is there where the plan still knew it."""

    key: str
    size: int
    opened: Opened | None = None
    copy_of_sha256: str | None = None  # of an object with the same context that was recovered before


class Planned(NamedTuple):
    """What a header said: ``opened``, or ``answer`` and the ids that it claims. ``is_envelope``: it begins as one.

    ``sidecars`` are the keys of the key blocks that were tried, newest name first.
    """

    opened: Opened | None
    sidecars: Sequence[str] = ()
    answer: NotOpened | None = None
    claimed: tuple[UUID, UUID, UUID] | None = None
    is_envelope: bool = True


class Fetched(NamedTuple):
    """What was read of an object. Without ``opened`` it is, byte for byte, the one that was recovered before."""

    opened: Opened | None
    object_sha256: str
    plaintext_size: int = 0
    plaintext_sha256: str = ""
    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """What opening takes, for any number of threads. ``sidecars_of`` gives the keys of an attachment's key blocks."""

    source: Source
    keys: Keys
    sidecars_of: Callable[[str], Sequence[str]]
    is_over: Callable[[], bool]
    helpers: ThreadPoolExecutor

    def plan(self, job: Job) -> Planned:
        """Open the header alone. Raises Stopped."""
        data = b""
        try:
            data = self._patiently(lambda: self._header(job.key))
            opened, sidecars = self._open(data)
            chunk_count(opened.header, job.size)
        except NotOpened as error:
            claimed = None
            with suppress(NotOpened):
                claimed = parse_header(data).ids
            is_envelope = data.startswith(MAGIC) or isinstance(error, Missing | Unreadable)
            return Planned(None, (), error, claimed, is_envelope)
        return Planned(opened, sidecars)

    def fetch(self, job: Job, temporary: Path) -> Fetched | NotOpened:
        """Open an object into a new file, on the disk when this returns; nothing is left there after a failure.

        Returns the answer where it cannot be opened. Raises Stopped where the destination takes no more.
        """
        try:
            return self._patiently(lambda: self._fetch(job, temporary))
        except NotOpened as error:
            return error
        except OSError as error:
            raise Stopped(_of_destination(error)) from error

    def _fetch(self, job: Job, temporary: Path) -> Fetched:
        if job.copy_of_sha256 and self._digest_of(job.key) == job.copy_of_sha256:
            return Fetched(None, job.copy_of_sha256)
        with closing(self.source.open(job.key)) as raw:
            stream = _Hashed(raw, self.is_over, self.helpers)
            first = read_fully(stream, 16)
            header = first + read_fully(stream, header_size(first) - 16)
            opened = job.opened
            if opened is None or opened.header.digest != hashlib.sha256(header).digest():
                opened, _ = self._open(header)
            try:
                return _write(opened, stream, job.size, temporary)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    def _header(self, key: str) -> bytes:
        data = self._start(key, _FIRST_READ)
        if len(data) == _FIRST_READ and data.startswith(MAGIC) and (size := header_size(data)) > _FIRST_READ:
            return self._start(key, size)
        return data

    def _start(self, key: str, size: int) -> bytes:
        with closing(self.source.open(key, size)) as stream:
            return read_fully(stream, size)

    def _open(self, data: bytes) -> tuple[Opened, Sequence[str]]:
        """Open a header. A key block that cannot be read is set aside, and the answer where nothing else opens it."""
        sidecars = self.sidecars_of(str(parse_header(data).ids[2]))
        blocks, fault = [], None
        for key in sidecars:
            try:
                blocks.append(self._start(key, MAX_KEY_BLOCK + 1))
            except (Missing, Unreadable) as error:
                blocks.append(b"")
                fault = error if isinstance(error, Unreadable) else fault
        try:
            return open_header(data, self.keys, blocks), sidecars
        except (UnknownKey, UnwrapFailed):
            if fault:
                raise fault from None
            raise

    def _digest_of(self, key: str) -> str:
        with closing(self.source.open(key)) as raw:
            stream = _Hashed(raw, self.is_over, self.helpers)
            while stream.read(1 << 18):
                pass
        return stream.sha256()

    def _patiently(self, work: Callable[[], T]) -> T:
        """Try again where no bytes came, which passes with time."""
        for attempt in range(1, _ATTEMPTS):
            try:
                return work()
            except Unreadable:
                time.sleep(0.2 * 2**attempt)
        return work()


def _of_destination(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The destination is full. Make room and run the same again: it goes on where it stopped."
    return f"The destination takes no file: {error.strerror or error}. Run the same again when that is mended."


def _write(opened: Opened, stream: "_Hashed", object_size: int, temporary: Path) -> Fetched:
    """Open the body into a new file with the document's time and mode 0600, and have it on the disk."""
    plaintext, content = _Digest(), _Digest()
    decoder = _Gunzip() if opened.metadata.content_coding == "gzip" else None
    with io.FileIO(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        for chunk in open_chunks(opened, stream, object_size):
            plaintext.update(chunk)
            for piece in decoder.update(chunk) if decoder else (chunk,):
                _write_fully(file, piece)
                if decoder:
                    content.update(piece)
        if decoder:
            decoder.finish()
        os.fsync(file.fileno())
    with suppress(OSError, OverflowError):  # a year that the file system does not know: the manifest has it
        moment = datetime.fromisoformat(opened.metadata.created_at).timestamp()
        os.utime(temporary, (moment, moment))
    written = content if decoder else plaintext
    return Fetched(opened, stream.sha256(), plaintext.size, plaintext.sha256(), written.size, written.sha256())


class _Digest:
    """SHA-256 and size of what passes."""

    def __init__(self) -> None:
        self._digest, self.size = hashlib.sha256(), 0

    def update(self, data: bytes) -> None:
        self._digest.update(data)
        self.size += len(data)

    def sha256(self) -> str:
        return self._digest.hexdigest()


def _write_fully(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


class _Hashed:
    """A stream that takes the SHA-256 of what passes, and ends when the run is over.

    What was read last is hashed by ``helpers`` while it is opened: of a large object each core does a part.
    """

    def __init__(self, stream: Stream, is_over: Callable[[], bool], helpers: ThreadPoolExecutor) -> None:
        self._stream, self._is_over, self._helpers = stream, is_over, helpers
        self._digest = hashlib.sha256()
        self._hashing: Future[None] | None = None

    def read(self, size: int, /) -> bytes:
        if self._is_over():
            raise Stopped("The run is over.")
        data = self._stream.read(size)
        if self._hashing:
            self._hashing.result()
            self._hashing = None
        if len(data) < 65_536:  # a thread costs more than it saves
            self._digest.update(data)
        else:
            self._hashing = self._helpers.submit(self._digest.update, data)
        return data

    def sha256(self) -> str:
        """Of everything that was read."""
        if self._hashing:
            self._hashing.result()
        return self._digest.hexdigest()

    def close(self) -> None:
        self._stream.close()


class _Gunzip:
    """Undoes the content coding in pieces of at most 256 KiB, whatever they grow to (RFC 1952: members in a row)."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self._began = False

    def update(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes give. Raises BrokenContent."""
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")  # padding behind a member
                if not data:
                    return
                self._member = zlib.decompressobj(wbits=31)
            self._began = True
            try:
                piece = self._member.decompress(data, 1 << 18)
            except zlib.error:
                raise BrokenContent("The document was sealed as a gzip stream, and that is damaged.") from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                yield piece

    def finish(self) -> None:
        """Raise BrokenContent where the stream did not come to its end."""
        if not (self._began and self._member.eof):
            raise BrokenContent("The document was sealed as a gzip stream, and that ends early.")


# ---------------------------------------------------------------------------------------------------------------------
# One run
# ---------------------------------------------------------------------------------------------------------------------

_SIDECAR = re.compile(r"keyblocks/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([0-9]{1,10})")
_UNFINISHED = re.compile(r"(?:.*/)?\.[0-9a-f]{32}\.part", re.DOTALL)
_PAYLOAD_TYPES = ("application/vnd.document-vault.payload", "application/vnd.document-vault.payload+json")
_REMEMBERED = 5_000  # headers between plan and fetch, some KiB each; what is more is opened a second time
_UNTIL_STOP = 20  # objects in a row whose bytes do not come: then the source is gone

# Says how far the run is: what it does, how many are done, of how many (0: not known), bytes so far.
Progress = Callable[[str, int, int, int], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a run does. ``destination`` None plans alone; ``only`` are ids of documents or attachments, or owners."""

    source: Source
    keys: Keys
    destination: Path | None = None
    only: frozenset[str] = frozenset()
    workers: int = 2
    progress: Progress = lambda _what, _done, _total, _size: None


class Run:
    """One run over one source: ``go`` does everything, and ``journal`` then says what became of every object."""

    def __init__(self, options: Options) -> None:
        self._options, self._source, self._keys = options, options.source, options.keys
        self._remembered: dict[str, Opened] = {}
        self._is_over = False
        self._faults = self._files = 0
        self._home = options.destination and _prepared(options.destination)
        self.journal = Journal(self._home and self._home / "journal.sqlite3")
        self._helpers = ThreadPoolExecutor(options.workers, thread_name_prefix="hash")
        sidecars_of = self.journal.sidecars_of
        self._reader = Reader(self._source, self._keys, sidecars_of, lambda: self._is_over, self._helpers)
        try:
            if not self.journal.same_source(options.source.label):
                raise WrongUsage(f"{options.destination} holds what was recovered from another source.")
            self._run = self.journal.count_runs()
            for name in ("_trash", "_payloads", "_files", "manifest.json", "manifest.csv"):
                self.journal.keep_free(name)
            self.journal.commit()
            if self._home:
                shutil.rmtree(self._home / "parts", ignore_errors=True)
                (self._home / "parts").mkdir(mode=0o700)
        except BaseException:
            self.journal.close()
            raise

    def close(self) -> None:
        """Close the journal."""
        self._helpers.shutdown()
        self.journal.close()

    def go(self) -> bool:
        """List, plan, recover, write the manifest. Returns whether everything was opened. Raises Stopped."""
        with ThreadPoolExecutor(self._options.workers, thread_name_prefix="recover") as pool:
            try:
                self._list()
                self._look_at_former(pool)
                self._plan(pool)
                self.journal.count_versions()
                self.journal.commit()
                if self._home:
                    self._fetch(pool)
                self._judge_sidecars()
                self.journal.commit()
            finally:
                self._is_over = True
                pool.shutdown(cancel_futures=True)
        if self._options.destination:
            write_manifests(self.journal, self._options)
        return self.journal.get("outcome = ?", FAILED) is None

    def _list(self) -> None:
        self.journal.forget_directories()
        for count, found in enumerate(self._source.list(), start=1):
            sidecar = _SIDECAR.fullmatch(found.key)
            attachment_id, seq = (sidecar[1], int(sidecar[2])) if sidecar else (None, None)
            kind = DIRECTORY if found.problem and found.key.endswith("/") else _kind_of(found.key)
            self.journal.note(found, kind, attachment_id, seq, run=self._run)
            if count % 1_000 == 0:
                self.journal.commit()
                self._options.progress("listed", count, 0, 0)
        for key in self._source.unfinished():
            self.journal.note(Found(f"{key} (unfinished upload)", 0, ""), UNFINISHED, None, None, run=self._run)
        for row in self.journal.rows(
            "seen < ? AND outcome IN (?, ?, ?, ?)", self._run, NEW, OPENABLE, FAILED, LEFT_OUT
        ):
            is_hidden = self.journal.is_below_unlisted(row["key"])
            answer, why = ("Unreadable", "Its directory cannot be listed.") if is_hidden else ("Missing", _GONE)
            self.journal.set(row["key"], outcome=FAILED, answer=answer, why=why)
        for row in self.journal.rows("kind IN (?, ?)", OWN_RECORD, UNFINISHED):
            self.journal.set(row["key"], outcome=TOLD, why=_ABOUT[row["kind"]])
        self.journal.commit()

    def _look_at_former(self, pool: ThreadPoolExecutor) -> None:
        """Compare every file of an earlier run with the journal; what is not as it was left is recovered again."""
        destination = self._options.destination
        if destination is None:
            return
        rows = self.journal.rows("outcome IN (?, ?)", PUBLISHED, RECOVERED)
        looks = self._in_order(
            pool, rows, lambda row: _sha256_of_file(destination / row["path"], lambda: self._is_over)
        )
        for count, (row, sha256) in enumerate(chain.from_iterable(looks), start=1):
            if sha256 == row["sha256"]:
                self.journal.set(row["key"], outcome=RECOVERED)
            else:
                path = None if sha256 else row["path"]
                why = (
                    f"{row['path']} was changed since an earlier run wrote it, and is left as it is."
                    if sha256
                    else None
                )
                self.journal.set(row["key"], outcome=NEW, path=path, why=why)
                for copy in self.journal.rows("context = ? AND outcome = ?", row["context"], COPY):
                    self.journal.set(copy["key"], outcome=NEW, copy_of=None)
            self._options.progress("compared", count, 0, 0)
        self.journal.commit()

    def _plan(self, pool: ThreadPoolExecutor) -> None:
        rows = self.journal.rows(
            "kind NOT IN (?, ?, ?, ?) AND seen = ? AND outcome IN (?, ?, ?, ?, ?)",
            *(SIDECAR, OWN_RECORD, UNFINISHED, DIRECTORY, self._run, NEW, OPENABLE, FAILED, LEFT_OUT, TOLD),
        )
        for count, (row, planned) in enumerate(
            chain.from_iterable(self._in_order(pool, rows, self._plan_one)), start=1
        ):
            self._keep_plan(row, planned)
            if count % 100 == 0:
                self.journal.commit()
            self._options.progress("looked at", count, 0, 0)
        self.journal.commit()

    def _plan_one(self, row: Row) -> Planned:
        return self._reader.plan(Job(key_text(row["key"]), row["object_size"]))

    def _keep_plan(self, row: Row, planned: Planned) -> None:
        """Write down what the header said, of the object and of the key blocks beside it."""
        opened, key = planned.opened, row["key"]
        self._watch_source(planned.answer)
        if opened is None:
            self._keep_answer(row, planned)
            return
        ids, metadata = _ids(opened.header.ids), opened.metadata
        wanted = not self._options.only or self._options.only & {*ids.values(), metadata.owner}
        values = {name: getattr(metadata, name) for name in _MEMBERS}
        self.journal.set(
            key,
            **values,
            **ids,
            kind=_kind_of_opened(opened),
            outcome=OPENABLE if wanted else LEFT_OUT,
            answer=None,
            why=row["why"] if row["outcome"] == NEW else None,
            context=opened.header.context,
            wrap="RSA-OAEP" if opened.wrap == RSA_OAEP else "RSA-OAEP with ML-KEM-768",
            kek_id=opened.kek_id.hex(),
            key_block_seq=opened.seq,
            origin_signature="verified" if opened.origin_verified else "not checked",
        )
        for sidecar, said in zip(planned.sidecars, opened.sidecars, strict=True):
            word, _, why = said.partition(": ")
            self.journal.set(key_bytes(sidecar), outcome=word, why=why or None)
        if wanted and len(self._remembered) < _REMEMBERED:
            self._remembered[key_text(key)] = opened

    def _keep_answer(self, row: Row, planned: Planned) -> None:
        answer, claimed = planned.answer, _ids(planned.claimed) if planned.claimed else {}
        if not planned.is_envelope and not key_text(row["key"]).endswith(".vlt"):
            self.journal.set(row["key"], kind=FOREIGN, outcome=TOLD, why="It is no envelope; nothing of the vault's.")
            return
        by_id = self._options.only & set(claimed.values())
        outcome = FAILED if by_id or not self._options.only else LEFT_OUT
        self.journal.set(
            row["key"], **claimed, outcome=outcome, answer=type(answer).__name__, why=str(answer), context=None
        )

    def _fetch(self, pool: ThreadPoolExecutor) -> None:
        """Recover what the plan opened: of several objects with one context one first, and then its copies."""
        total = self.journal.count("outcome = ?", OPENABLE)
        first = (
            "outcome = ? AND NOT EXISTS (SELECT 1 FROM objects AS o WHERE o.context = objects.context"
            " AND (o.in_trash, o.key) < (objects.in_trash, objects.key))"
        )
        count = size = 0
        for rows in (self.journal.rows(first, OPENABLE), self.journal.rows("outcome = ?", OPENABLE)):
            for batch in self._in_order(pool, map(self._job_of, rows), self._fetch_one):
                self._publish(
                    [kept for (row, _, temporary), done in batch if (kept := self._keep(row, done, temporary))]
                )
                count += len(batch)
                size += sum(done.size for _, done in batch if isinstance(done, Fetched))
                self._options.progress("recovered", count, total, size)

    def _job_of(self, row: Row) -> tuple[Row, Job, Path]:
        key = key_text(row["key"])
        other = self.journal.get("context = ? AND outcome = ?", row["context"], RECOVERED)
        job = Job(key, row["object_size"], self._remembered.pop(key, None), other["object_sha256"] if other else None)
        self._files += 1
        assert self._home  # noqa: S101  # a plan alone fetches nothing
        return row, job, self._home / "parts" / f"{self._run}-{self._files}"

    def _fetch_one(self, item: tuple[Row, Job, Path]) -> Fetched | NotOpened:
        return self._reader.fetch(item[1], item[2])

    def _keep(self, row: Row, done: Fetched | NotOpened, temporary: Path) -> tuple[bytes, Path, str] | None:
        """Decide what becomes of what was read, and return what is to be published: key, file, path."""
        self._watch_source(done)
        if isinstance(done, NotOpened):
            self.journal.set(row["key"], outcome=FAILED, answer=type(done).__name__, why=str(done))
            return None
        same = self.journal.get(
            "context = ? AND outcome IN (?, ?) AND (object_sha256 = ? OR plaintext_sha256 = ?)",
            *(row["context"], RECOVERED, PUBLISHED, done.object_sha256, done.plaintext_sha256),
        )
        values = {name: same[name] if same else getattr(done, name) for name in _MEASURES}
        if same:
            temporary.unlink(missing_ok=True)
            values |= {"outcome": COPY, "copy_of": printable(key_text(same["key"])), "path": same["path"]}
        else:
            values |= {"outcome": PUBLISHED, "path": self._path_of(row)}
        self.journal.set(row["key"], **values, object_sha256=done.object_sha256)
        return None if same else (row["key"], temporary, values["path"])

    def _path_of(self, row: Row) -> str:
        """Where the document goes: where an earlier run wanted it if that is free, else a name that nothing has."""
        if row["path"] and not self._is_taken(row["path"]):
            return str(row["path"])
        name, key = row["filename"], row["key"]
        if row["kind"] == PAYLOAD:
            return self.journal.reserve("_payloads", f"{row['attachment_id']}.json", key, self._is_taken)
        stem, ending = split_ending(safe_name(name, "document"))
        name = f"{stem} (version {row['version']}){ending}" if row["versions"] > 1 else stem + ending
        if row["kind"] == APP_FILE:
            return self.journal.reserve("_files", name, key, self._is_taken)
        owner = self.journal.directory_of(row["owner"])
        return self.journal.reserve(f"_trash/{owner}" if row["in_trash"] else owner, name, key, self._is_taken)

    def _is_taken(self, path: str) -> bool:
        assert self._options.destination  # noqa: S101  # a plan alone needs no paths
        return os.path.lexists(self._options.destination / path)

    def _publish(self, files: Sequence[tuple[bytes, Path, str]]) -> None:
        """Give verified files their names. Killed anywhere in here, the next run finds what the journal expects."""
        destination = self._options.destination
        assert destination  # noqa: S101
        self.journal.commit()
        for key, temporary, path in files:
            try:
                _make_directories(destination, path)
                _give_name(temporary, destination / path)
            except OSError as error:
                raise Stopped(_of_destination(error)) from error
            self.journal.set(key, outcome=RECOVERED)
        self.journal.commit()

    def _judge_sidecars(self) -> None:
        """Say of the key blocks that no object was opened with why that is."""
        for row in self.journal.rows("kind = ? AND outcome = ?", SIDECAR, NEW):
            beside = self.journal.get("attachment_id = ? AND kind != ?", row["attachment_id"], SIDECAR)
            if beside is None:
                self.journal.set(row["key"], outcome="no object", why="No object of this attachment was found.")
            elif beside["outcome"] == FAILED:
                self.journal.set(row["key"], outcome="not judged", why="Its object could not be opened.")
            elif key_text(row["key"]) not in self.journal.sidecars_of(row["attachment_id"]):
                self.journal.set(row["key"], outcome="set aside", why=f"{MAX_OUTSIDE} newer ones are there.")
            else:
                self.journal.set(row["key"], outcome="not judged", why="Its object was not opened in this run.")

    def _watch_source(self, done: object) -> None:
        """Where one object after the other cannot be read it is the source that is gone, not they."""
        self._faults = self._faults + 1 if isinstance(done, Unreadable) else 0
        if self._faults >= _UNTIL_STOP:
            raise Stopped(f"{self._source.label} gives no bytes: {done} Run the same again when it does.")

    def _in_order(
        self, pool: ThreadPoolExecutor, items: Iterable[T], work: Callable[[T], U]
    ) -> Iterator[list[tuple[T, U]]]:
        """Do ``work`` in the pool for each item, and yield items with results in order, as many as are ready.

        So many are under way that memory and temporary files stay few. What ``work`` raises is raised here.
        """
        under_way: deque[tuple[T, Future[U]]] = deque()
        for item in items:
            under_way.append((item, pool.submit(work, item)))
            if len(under_way) >= 16 * self._options.workers:
                yield _ready(under_way)
        while under_way:
            yield _ready(under_way)


_MEASURES = ("size", "sha256", "plaintext_size", "plaintext_sha256")
_GONE = "An earlier run found it; it is gone."
_ABOUT = {
    OWN_RECORD: "The vault's own, without a document in it.",
    UNFINISHED: "A write that never came to its end; nobody was told that it was stored.",
}


def _ready(under_way: "deque[tuple[T, Future[U]]]") -> list[tuple[T, U]]:
    """Take the first, wait for it, and take what is done behind it."""
    item, future = under_way.popleft()
    taken = [(item, future.result())]
    while under_way and under_way[0][1].done():
        item, future = under_way.popleft()
        taken.append((item, future.result()))
    return taken


def _ids(ids: tuple[UUID, UUID, UUID]) -> dict[str, str]:
    return dict(zip(("vault_id", "document_id", "attachment_id"), map(str, ids), strict=True))


def _kind_of(key: str) -> str:
    """What a key alone tells; the content of a document decides."""
    if _SIDECAR.fullmatch(key):
        return SIDECAR
    if _UNFINISHED.fullmatch(key):
        return UNFINISHED
    return OWN_RECORD if key.startswith(("vault/", "check/")) else DOCUMENT


def _kind_of_opened(opened: Opened) -> str:
    """Payloads say what they are; ids that are made of a name (RFC 9562 version 5) are those of files of other apps."""
    if opened.metadata.content_type in _PAYLOAD_TYPES:
        return PAYLOAD
    return APP_FILE if opened.header.ids[2].version == 5 else DOCUMENT


def _prepared(destination: Path) -> Path:
    """The run's own directory in the destination, which is empty or an earlier run's. Raises WrongUsage, Stopped."""
    home = destination / ".recover"
    try:
        destination.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not home.is_dir() and any(destination.iterdir()):
            raise WrongUsage(f"{destination} is not empty, and no earlier run wrote there. Name an empty directory.")
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Stopped(_of_destination(error)) from error
    return home


def _make_directories(destination: Path, path: str) -> None:
    for above in reversed(Path(path).parents[:-1]):
        with suppress(FileExistsError):
            (destination / above).mkdir(mode=0o700)


def _give_name(temporary: Path, path: Path) -> None:
    """Rename without overwriting: by a hard link, which fails where the name is taken."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a memory stick's file system has no hard links
        if os.path.lexists(path):
            raise
        temporary.rename(path)
        return
    temporary.unlink()


def _sha256_of_file(path: Path, is_over: Callable[[], bool]) -> str | None:
    """The digest of a file of an earlier run; None where it is not there."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            while data := file.read(1 << 20):
                if is_over():
                    raise Stopped("The run is over.")
                digest.update(data)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Stopped(f"{path} of an earlier run cannot be read: {error.strerror}.") from None
    return digest.hexdigest()


# ---------------------------------------------------------------------------------------------------------------------
# Manifest and summary
# ---------------------------------------------------------------------------------------------------------------------

# What spreadsheets take for the beginning of a formula, fullwidth forms too (OWASP, "CSV Injection").
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def write_manifests(journal: Journal, options: Options) -> None:
    """Write both manifests, each as a whole or not at all. Raises Stopped."""
    destination = options.destination
    assert destination  # noqa: S101  # a plan alone goes to the standard output
    try:
        for name, write in (("manifest.json", write_json), ("manifest.csv", write_csv)):
            temporary = destination / ".recover" / name
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
                file.writelines(write(journal, options))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(destination / name)
    except OSError as error:
        raise Stopped(_of_destination(error)) from error


def write_json(journal: Journal, options: Options) -> Iterator[str]:
    """One JSON document in pieces: about the run, then ``entries``, each on a line of its own."""
    about = {
        "schema_version": SCHEMA_VERSION,
        "source": printable(options.source.label),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "totals": [dict(row) for row in journal.totals()],
    }
    yield f'{json.dumps(about)[:-1]}, "entries": [\n'
    separator = ""
    for row in journal.rows("1"):
        yield separator + json.dumps(entry_of(row))
        separator = ",\n"
    yield "\n]}\n"


def write_csv(journal: Journal, _options: Options) -> Iterator[str]:
    """The same entries as CSV, harmless to a spreadsheet."""
    yield _csv_line(MANIFEST_COLUMNS)
    for row in journal.rows("1"):
        yield _csv_line([_cell(value) for value in entry_of(row).values()])


def entry_of(row: Row) -> dict[str, object]:
    """A row of the journal as the manifest has it. A key that is not UTF-8 is escaped."""
    entry: dict[str, object] = {name: row[name] for name in MANIFEST_COLUMNS}
    entry["key"] = key_text(row["key"]).encode("utf-8", "backslashreplace").decode()
    entry["in_trash"] = bool(row["in_trash"])
    return entry


def _cell(value: object) -> str:
    text = "" if value is None else printable(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) or text.startswith("\\") else text


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def summary(journal: Journal, options: Options) -> Iterator[str]:
    """Lines for people: what there is, then what could not be opened, the first hundred by name."""
    for row in journal.totals():
        what = f"{row['kind']}{' in the trash' if row['in_trash'] else ''}, {row['outcome']}"
        answer = f" ({row['answer']})" if row["answer"] else ""
        size = f", {row['size']:,} bytes" if row["size"] else ""
        yield f"{row['count']:>10,}  {what}{answer}{size}"
    if options.destination is None:
        for row in journal.rows("outcome = ?", OPENABLE):
            yield printable(f"{key_text(row['key'])}: {row['owner']}/{row['filename']} by KEK {row['kek_id'][:16]}")
    for count, row in enumerate(journal.rows("outcome = ?", FAILED)):
        if count == 100:
            yield "… the others are in the manifest."
            return
        yield printable(f"not opened: {key_text(row['key'])}: {row['answer']}: {row['why']}")


# ---------------------------------------------------------------------------------------------------------------------
# Command line
# ---------------------------------------------------------------------------------------------------------------------


def arguments() -> argparse.ArgumentParser:
    """What the script takes; see the top of this file."""
    parser = argparse.ArgumentParser(
        description="Documents back from their stored objects and a private key.",
        epilog="Exit status: 0 all opened, 1 some not, 2 usage, 3 stopped early, 130 interrupted.",
    )
    add = parser.add_argument
    add("--from", dest="source", required=True, metavar="DIR|s3://BUCKET/PREFIX", help="where the objects are")
    add("--endpoint-url", metavar="URL", help="of an S3-compatible store")
    add_common_arguments(parser)
    return parser


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Those that have nothing to do with the source."""
    add = parser.add_argument
    add("--to", type=Path, metavar="DIR", help="an empty directory, or one of an earlier run")
    add("--list", action="store_true", help="open headers alone and tell what would be recovered")
    add("--key", type=Path, action="append", default=[], metavar="PEM", help="a private key; repeat it for several")
    add("--passphrase-file", type=Path, action="append", default=[], metavar="FILE", help="of encrypted private keys")
    add(
        "--origin-key",
        type=Path,
        action="append",
        default=[],
        metavar="PEM",
        help="a public key: refuse what it did not sign",
    )
    add("--only", action="append", default=[], metavar="ID|OWNER", help="a document, an attachment or an owner")
    add("--format", choices=("text", "json", "csv"), default="text", help="of the result on the standard output")
    add("--workers", type=int, default=0, metavar="N", help="threads; 2 for a directory, 8 for a bucket")


def keys_from(options: argparse.Namespace, ask: Ask) -> Keys:
    """Load every key that was named. Raises WrongUsage."""
    given = passphrases_from(options)
    keks = [load_kek(read_secret_file(path), str(path), given, ask) for path in options.key]
    origin = []
    for path in options.origin_key:
        try:
            origin.append(load_origin_key(path.read_bytes(), str(path)))
        except OSError as error:
            raise WrongUsage(f"{path} cannot be read: {error.strerror}.") from None
    return ring_of(keks, origin)


def passphrases_from(options: argparse.Namespace) -> list[bytes]:
    """Those of the files that were named, and that of the environment. Raises WrongUsage."""
    given = [read_secret_file(path).rstrip(b"\r\n") for path in options.passphrase_file]
    return [*given, variable.encode()] if (variable := os.environ.get(PASSPHRASE_VARIABLE)) else given


def ask_at_terminal(name: str) -> str | None:
    """Ask for a passphrase where somebody sits, and None elsewhere; it is not echoed."""
    return getpass.getpass(f"Passphrase of {name}: ") if sys.stdin.isatty() else None


def check_places(source: str, destination: Path | None, *, plans_alone: bool) -> None:
    """Raise WrongUsage unless there is a destination outside the source, or none is needed."""
    if (destination is None) != plans_alone:
        raise WrongUsage("Give --to DIR to recover, or --list to look; not both, not neither.")
    if destination and not source.startswith("s3://"):
        here, there = Path(source).resolve(), destination.resolve()
        if here == there or here in there.parents or there in here.parents:
            raise WrongUsage(f"{destination} and {source} lie one inside the other. Recover to another place.")


class Teller:
    """Progress on the standard error: one line that changes on a terminal, one in ten seconds elsewhere."""

    def __init__(self) -> None:
        self._is_terminal, self._next, self._began = sys.stderr.isatty(), time.monotonic() + 1, time.monotonic()

    def __call__(self, what: str, done: int, total: int, size: int) -> None:
        """Tell it, at most so often."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (1 if self._is_terminal else 10)
        of = f" of {total:,}" if total else ""
        rate = f", {size / 1e6:,.0f} MB at {size / 1e6 / (now - self._began):,.0f} MB/s" if size else ""
        sys.stderr.write(f"{what} {done:,}{of}{rate}{chr(13) if self._is_terminal else chr(10)}")
        sys.stderr.flush()


def run(options: Options, form: str, out: Callable[[str], object]) -> int:
    """Make one run and write its result in ``form``; returns the exit status. Raises Stopped, KeyboardInterrupt."""
    try:
        with closing(Run(options)) as running:
            complete = running.go()
            if form == "text":
                pieces: Iterator[str] = (f"{line}\n" for line in summary(running.journal, options))
            else:
                pieces = (write_json if form == "json" else write_csv)(running.journal, options)
            for piece in pieces:
                out(piece)
    except sqlite3.DatabaseError as error:
        raise Stopped(f"The journal cannot be used: {error}. Make room and run the same again.") from None
    return 0 if complete else 1


def main(argv: Sequence[str] | None = None) -> int:
    """The program. Returns its exit status; argparse itself ends it with 2 for arguments that it does not know."""
    given = arguments().parse_args(argv)
    try:
        check_places(given.source, given.to, plans_alone=given.list)
        keys = keys_from(given, ask_at_terminal)
        if not keys.keks:
            raise WrongUsage("Give at least one private key with --key.")
        is_bucket = given.source.startswith("s3://")
        source: Source = Bucket(given.source, given.endpoint_url) if is_bucket else Directory(Path(given.source))
        workers = given.workers if given.workers > 0 else 8 if is_bucket else 2
        options = Options(source, keys, given.to, frozenset(given.only), workers, Teller())
        return run(options, given.format, sys.stdout.write)
    except Stopped as error:
        sys.stderr.write(f"{printable(str(error))}\n")
        return error.status
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. Run the same again: it goes on where it stopped.\n")
        return 130


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
