"""Each defence switched off alone, to see that the attack it stops then succeeds: the tests beside can go red."""

import io
import os
import struct
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CTR

from documents.encryption import derivation, opening, stream, unwrapping
from documents.encryption.envelope import EnvelopeIds, open_header, open_row
from documents.encryption.geometry import Geometry
from documents.encryption.header import build_context
from documents.encryption.keyblock import KeyBlock
from documents.encryption.keyring import KeyRing
from documents.encryption.stream import chunk_nonce, open_body
from documents.errors import AuthenticationFailed, EncryptionError, UnwrapFailed
from tests.encryption.gcm_collision import collide
from tests.encryption.keys import KEKS, RING, ring_holding
from tests.encryption.objects import CHUNK, STRIDE, new_ids, opened, sealed

HEADER = 4_096


class TwoKeyEnvelope:
    """An envelope that the primary and the recovery KEK open to different documents, made by somebody hostile."""

    def __init__(self) -> None:
        self.deks = (os.urandom(32), os.urandom(32))
        blank = build_context(new_ids(), size=HEADER, chunk_log2=12, salt=os.urandom(32))
        self.context = derivation.with_commitment(self.deks[0], blank)
        self.key_block = self._key_block()
        self.body = self._body()

    def _key_block(self) -> bytes:
        stanzas = [
            struct.pack(">HH32sI", 1, 0, KEKS[name].kek_id, 384) + KEKS[name].wrap(dek, self.context)
            for name, dek in zip(("primary", "recovery"), self.deks, strict=True)
        ]
        stanzas.append(struct.pack(">HH32sI", 777, 0, bytes(32), 64) + bytes(64))  # room for the free block
        body = struct.pack(">32sIB3x", os.urandom(32), 0, 3) + b"".join(stanzas)
        block = struct.pack(">I", len(body) + 16) + body
        keys = [derivation.hkdf(dek, block[4:36], b"vlt1/keyblock" + self.context) for dek in self.deks]
        free = (len(self.context) + len(block) - 48) // 16 * 16
        filling, tag = collide(keys, bytes(12), aad=self.context + block, ciphertext=b"", free=free)
        at = free - len(self.context)
        return block[:at] + filling + block[at + 16 :] + tag

    def _body(self) -> bytes:
        salt = self.context[80:112]
        keys = [derivation.hkdf(dek, salt, b"vlt1/body" + self.context) for dek in self.deks]
        nonce = chunk_nonce(0, last=True)
        ciphertext = keystream(keys[0], nonce, b"I owe you 10 EUR") + bytes(16)
        filling, tag = collide(keys, nonce, aad=b"", ciphertext=ciphertext, free=16)
        return ciphertext[:16] + filling + tag

    def read_with(self, kek: str) -> bytes:
        row = open_row(self.context, self.key_block, ring_holding(kek))
        cipher = derivation.body_cipher(row.dek, self.context)
        reader = io.BytesIO(self.body)
        size = HEADER + len(self.body)
        return b"".join(open_body(reader, cipher, Geometry(HEADER, CHUNK), object_size=size, start=0, stop=32))


def keystream(key: bytes, nonce: bytes, data: bytes) -> bytes:
    return Cipher(AES256(key), CTR(nonce + b"\0\0\0\2")).encryptor().update(data)


def test_without_the_commitment_one_envelope_is_two_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = TwoKeyEnvelope()
    assert hostile.read_with("primary")[:16] == b"I owe you 10 EUR"
    with pytest.raises(UnwrapFailed):
        hostile.read_with("recovery")
    monkeypatch.setattr(unwrapping, "fits_commitment", lambda *_: True)
    assert hostile.read_with("primary")[:16] == b"I owe you 10 EUR"
    assert hostile.read_with("recovery")[:16] != b"I owe you 10 EUR"


def test_without_the_last_flag_a_cut_document_looks_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_flag(index: int, *, last: bool) -> bytes:
        return chunk_nonce(index, last=False)

    with pytest.raises(AuthenticationFailed):
        opened(sealed(bytes(2 * CHUNK))[: HEADER + STRIDE])
    monkeypatch.setattr(stream, "chunk_nonce", without_flag)
    assert opened(sealed(bytes(2 * CHUNK))[: HEADER + STRIDE]) == bytes(CHUNK)


def test_without_the_counter_chunks_change_places(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_counter(index: int, *, last: bool) -> bytes:
        return chunk_nonce(0, last=last)

    def swapped() -> bytes:
        stored = sealed(b"a" * CHUNK + b"b" * CHUNK + b"c")
        first, second = stored[HEADER : HEADER + STRIDE], stored[HEADER + STRIDE : HEADER + 2 * STRIDE]
        return stored[:HEADER] + second + first + stored[HEADER + 2 * STRIDE :]

    with pytest.raises(AuthenticationFailed):
        opened(swapped())
    monkeypatch.setattr(stream, "chunk_nonce", without_counter)
    assert opened(swapped()) == b"b" * CHUNK + b"a" * CHUNK + b"c"


def test_without_the_tag_a_flipped_bit_is_a_changed_document(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = bytearray(sealed(b"pay 1 EUR"))
    stored[HEADER + 4] ^= ord("1") ^ ord("9")
    with pytest.raises(AuthenticationFailed):
        opened(bytes(stored))
    envelope = open_header(bytes(stored), RING, expected=None)
    key = derivation.hkdf(envelope.row.dek, envelope.row.prefix_core[80:112], b"vlt1/body" + envelope.row.prefix_core)

    class Unauthenticated:
        def open_into(self, nonce: bytes, sealed: memoryview, out: memoryview) -> None:
            out[:] = keystream(key, nonce, bytes(sealed[:-16]))

    monkeypatch.setattr(opening, "body_cipher", lambda *_: Unauthenticated())
    assert opened(bytes(stored)) == b"pay 9 EUR"


def test_without_ids_to_expect_a_swapped_object_opens() -> None:
    mine, yours = new_ids(), new_ids()
    with pytest.raises(AuthenticationFailed):
        opened(sealed(b"yours", ids=yours), expected=mine)
    assert opened(sealed(b"yours", ids=yours), expected=None) == b"yours"


def test_without_the_check_of_the_headers_own_block_its_damage_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = bytearray(sealed(b"rewrapped"))
    newer = open_header(bytes(stored), RING, expected=None).row.rewrap(RING)
    stored[144 + 276 + 4] ^= 1  # kb_salt of the block in the header
    with pytest.raises(AuthenticationFailed):
        open_header(bytes(stored), RING, expected=None, key_blocks=[newer])
    monkeypatch.setattr(KeyBlock, "verifies", lambda *_, **__: True)
    assert open_header(bytes(stored), RING, expected=None, key_blocks=[newer]).row.key_block == newer


def test_without_the_origin_check_a_forgery_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    asking, forged = ring_holding("primary", origin_keys=("origin",)), sealed(b"forged")
    with pytest.raises(AuthenticationFailed):
        opened(forged, ring=asking)
    monkeypatch.setattr(KeyRing, "accepts_origin", lambda *_: True)
    assert opened(forged, ring=asking) == b"forged"


def test_ids_are_bound_and_not_only_compared() -> None:
    """Whoever rewrites the ids to match the row breaks the commitment."""
    mine = new_ids()
    stored = sealed(b"yours")
    rewritten = stored[:16] + b"".join(value.bytes for value in ids_of(mine)) + stored[64:]
    with pytest.raises(EncryptionError) as caught:
        opened(rewritten, expected=mine)
    assert type(caught.value) is UnwrapFailed


def ids_of(ids: EnvelopeIds) -> tuple[UUID, ...]:
    return ids.vault_id, ids.document_id, ids.attachment_id
