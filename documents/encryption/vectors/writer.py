"""A second writer of FORMAT.md, deterministic, in which every step can be spoilt alone.

``edit`` names a step and changes its bytes before the next step uses them, so that everything later is made soundly
over the fault: a vector then fails for the one reason it is about.
"""

import hashlib
import hmac
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from documents.encryption.vectors.keys import kek_id, oaep_encrypt, sign

CHUNK = 4_096  # bytes, chunk_log2 12
Edit = Callable[[bytes], bytes]

METADATA = {
    "filename": "Contract.pdf",
    "content_type": "application/pdf",
    "owner": "7",
    "created_at": "2026-11-21T06:07:08.123456Z",
    "content_coding": "identity",
}


def draw(seed: str, size: int = 32) -> bytes:
    """Bytes that look random and are the same in every run."""
    return hashlib.shake_256(f"vlt1 test vector/{seed}".encode()).digest(size)


def hkdf(key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) written out: with 32 bytes of output, expanding is a single round."""
    extracted = hmac.digest(salt, key, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def gcm(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"") -> bytes:
    """Ciphertext and 16-byte tag (FORMAT.md §1)."""
    return AESGCM(key).encrypt(nonce, plaintext, aad)


def nonce(index: int, *, last: bool) -> bytes:
    """nonce_i of FORMAT.md §2.6, 12 bytes. An index of 2^32 and more is not refused here."""
    return index.to_bytes(11, "big") + bytes([last])


def stanza(kek: str, dek: bytes, seed: str) -> bytes:
    """A stanza of type 1."""
    return bare_stanza(1, kek_id(kek), oaep_encrypt(kek, dek, seed=draw(f"{seed}/oaep/{kek}")))


def bare_stanza(kind: int, recipient: bytes, wrapped: bytes, *, zeros: int = 0) -> bytes:
    """A stanza of any type with whatever is given as its wrapped DEK: nothing is checked or wrapped."""
    return struct.pack(">HH32sI", kind, zeros, recipient, len(wrapped)) + wrapped


@dataclass
class Draft:
    """An envelope to be. ``seed`` makes its DEK, salts and ids; ``edit`` spoils a step.

    Steps in their order: ``context`` (112 bytes, before the commitment), ``commitment`` (144 bytes, after it), ``text``
    (META before padding), ``padded``, ``meta``, ``block`` (without its tag), ``tagged``, ``header``.
    """

    seed: str
    plaintext: bytes = b"one small document"
    chunk_log2: int = 12
    header_len: int = 4_096
    recipients: Sequence[str] = ("primary", "recovery")
    stanzas: Sequence[bytes] | None = None
    count: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: METADATA)
    signed_by: str | None = None
    edit: Mapping[str, Edit] = field(default_factory=dict)

    def _edited(self, step: str, data: bytes) -> bytes:
        return self.edit[step](data) if step in self.edit else data

    @property
    def dek(self) -> bytes:
        """32 bytes out of the seed alone, so that a vector can wrap or exchange them by naming the seed."""
        return draw(f"{self.seed}/dek")

    @property
    def ids(self) -> tuple[bytes, bytes, bytes]:
        """vault_id, document_id and attachment_id, 16 bytes each."""
        vault, document, attachment = (draw(f"{self.seed}/{name}", 16) for name in ("vault", "document", "attachment"))
        return vault, document, attachment

    @property
    def context(self) -> bytes:
        """PREFIX ‖ CORE, 144 bytes, after the steps ``context`` and ``commitment``."""
        prefix = b"\x89VLT\r\n\x1a\n" + struct.pack(">BBHI", 1, 1, 0, self.header_len)
        core = b"".join(self.ids) + bytes([self.chunk_log2]) + bytes(15) + draw(f"{self.seed}/salt")
        context = self._edited("context", prefix + core)
        commitment = hkdf(self.dek, context[80:112], b"vlt1/commit" + context)
        return self._edited("commitment", context + commitment)

    @property
    def text(self) -> bytes:
        """META's text, signed where ``signed_by`` says so and padded, after the steps ``text`` and ``padded``."""
        members = dict(self.metadata)
        if self.signed_by:
            message = b"vlt1/origin" + hashlib.sha256(self.context).digest()
            members["origin_signature"] = sign(self.signed_by, message)
        text = json.dumps(members, ensure_ascii=False).encode("utf-8", "surrogatepass")
        text = self._edited("text", text)
        return self._edited("padded", text + b" " * (-len(text) % 256))

    @property
    def meta(self) -> bytes:
        """META with its length field, after the step ``meta``."""
        text, context = self.text, self.context
        length = struct.pack(">I", len(text) + 16)
        key = hkdf(self.dek, context[80:112], b"vlt1/meta" + context)
        return self._edited("meta", length + gcm(key, bytes(12), text, context + length))

    def key_block(self, *, seq: int = 0, recipients: Sequence[str] | None = None) -> bytes:
        """The key block of the header, or a newer one to be kept outside."""
        seed = f"{self.seed}/{seq}"
        stanzas = self.stanzas or [stanza(kek, self.dek, seed) for kek in recipients or self.recipients]
        count = len(stanzas) if self.count is None else self.count
        kb_salt = draw(f"{seed}/kb_salt")
        body = kb_salt + struct.pack(">IB3x", seq, count) + b"".join(stanzas)
        block = self._edited("block", struct.pack(">I", len(body) + 16) + body)
        key = hkdf(self.dek, kb_salt, b"vlt1/keyblock" + self.context)
        return self._edited("tagged", block + gcm(key, bytes(12), b"", self.context + block))

    @property
    def header(self) -> bytes:
        """All of the header, after the step ``header``: ``header_len`` bytes, or more where its parts need more."""
        header = self.context + self.meta + self.key_block()
        return self._edited("header", header.ljust(self.header_len, b"\0"))

    def chunk(self, index: int, plaintext: bytes, *, last: bool) -> bytes:
        """One sealed chunk with any index, length and flag: soundness of the sequence is the caller's."""
        key = hkdf(self.dek, self.context[80:112], b"vlt1/body" + self.context)
        return gcm(key, nonce(index, last=last), plaintext)

    @property
    def chunks(self) -> list[bytes]:
        """The plaintext, cut and sealed as FORMAT.md §2.6 says; one empty chunk where it is empty."""
        size = 1 << self.chunk_log2
        parts = [self.plaintext[at : at + size] for at in range(0, len(self.plaintext), size)] or [b""]
        return [self.chunk(i, part, last=i == len(parts) - 1) for i, part in enumerate(parts)]

    @property
    def object(self) -> bytes:
        """Header and chunks. Made anew at each access, to the same bytes."""
        return self.header + b"".join(self.chunks)


def flip(offset: int, bit: int = 0) -> Edit:
    """Change one bit; a negative offset counts from the end."""

    def edit(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[offset] ^= 1 << bit
        return bytes(changed)

    return edit


def put(offset: int, value: bytes) -> Edit:
    """Replace bytes from ``offset`` on."""
    return lambda data: data[:offset] + value + data[offset + len(value) :]
