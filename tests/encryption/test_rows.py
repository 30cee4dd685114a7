import hashlib

import pytest

from documents.encryption.envelope import open_header, open_row
from documents.errors import AuthenticationFailed, MalformedEnvelope, UnsupportedEnvelope
from tests.encryption.keys import RING
from tests.encryption.objects import finished, sealer

DIGEST = hashlib.sha256(b"a guess").digest()


def test_a_row_gives_its_digest_back_without_the_object() -> None:
    sealing = sealer()
    kept = sealing.seal_digest(DIGEST)
    assert len(kept) == 48
    assert open_row(sealing.prefix_core, sealing.key_block, RING).open_digest(kept) == DIGEST
    opened = open_header(finished(sealing, b""), RING, expected=None)
    assert opened.row.open_digest(kept) == DIGEST


def test_a_sealed_digest_does_not_confirm_a_guess() -> None:
    kept = [sealer().seal_digest(DIGEST) for _ in range(2)]
    assert kept[0] != kept[1]
    assert DIGEST not in kept[0]


def test_a_digest_is_sealed_once_and_has_32_bytes() -> None:
    sealing = sealer()
    with pytest.raises(ValueError, match="32 bytes"):
        sealing.seal_digest(b"short")
    sealing.seal_digest(DIGEST)
    with pytest.raises(RuntimeError, match="once"):
        sealing.seal_digest(DIGEST)


def test_a_changed_or_exchanged_digest_is_refused() -> None:
    one, other = sealer(), sealer()
    kept, row = one.seal_digest(DIGEST), open_row(one.prefix_core, one.key_block, RING)
    for offset in range(48):
        changed = bytearray(kept)
        changed[offset] ^= 1
        with pytest.raises(AuthenticationFailed):
            row.open_digest(bytes(changed))
    for wrong in (other.seal_digest(DIGEST), b"", kept[:-1], kept + b"\0"):
        with pytest.raises(AuthenticationFailed):
            row.open_digest(wrong)


def test_a_row_is_checked_like_a_header() -> None:
    sealing = sealer()
    context, key_block = sealing.prefix_core, sealing.key_block
    for broken in (context[:143], context + b"\0", context[:64] + b"\xff" + context[65:], b""):
        with pytest.raises(MalformedEnvelope):
            open_row(broken, key_block, RING)
    with pytest.raises(UnsupportedEnvelope):
        open_row(context[:8] + b"\x02" + context[9:], key_block, RING)
    for broken in (key_block + b"\0", key_block[:-1], key_block[:20], b""):
        with pytest.raises(MalformedEnvelope):
            open_row(context, broken, RING)
    with pytest.raises(AuthenticationFailed):
        open_row(context, key_block[:-1] + bytes([key_block[-1] ^ 1]), RING)
