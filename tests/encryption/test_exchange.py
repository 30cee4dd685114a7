"""Sound envelopes in the wrong place: swaps, replays, forgeries, and key blocks that somebody else wrote."""

import itertools
from uuid import uuid4

import pytest

from documents.encryption.envelope import EnvelopeIds, open_header, open_row
from documents.encryption.keyring import KeyRing
from documents.errors import AuthenticationFailed, EncryptionError, MalformedEnvelope, UnwrapFailed
from tests.encryption.keys import KEKS, ORIGIN_KEYS, RING, public_half, ring_holding
from tests.encryption.objects import finished, new_ids, opened, sealed, sealer

# Whoever wants to forge has the public halves; that is all it takes to seal.
FORGER = KeyRing(public_half("primary"), [public_half("recovery")])
SIGNING = KeyRing(
    KEKS["primary"],
    [KEKS["recovery"]],
    origin_key=ORIGIN_KEYS["origin"],
    origin_public_keys=[ORIGIN_KEYS["origin"].public_key()],
)


def swaps_refused(objects: int, users: int) -> int:
    vault, documents = uuid4(), [uuid4() for _ in range(users)]
    ids = [new_ids(vault=vault, document=documents[i % users]) for i in range(objects)]
    stored = {each: sealed(b"of " + each.attachment_id.bytes, ids=each) for each in ids}
    for each in ids:
        assert opened(stored[each], expected=each) == b"of " + each.attachment_id.bytes
    refused = 0
    for row, other in itertools.permutations(ids, 2):
        with pytest.raises(AuthenticationFailed, match="another attachment"):
            opened(stored[other], expected=row)
        refused += 1
    return refused


def test_objects_do_not_open_in_each_others_place() -> None:
    assert swaps_refused(12, users=5) == 132


@pytest.mark.long
def test_2450_swaps_are_refused() -> None:
    assert swaps_refused(50, users=5) == 2450


def test_an_object_of_another_vault_is_refused() -> None:
    ids = new_ids()
    elsewhere = EnvelopeIds(uuid4(), ids.document_id, ids.attachment_id)
    with pytest.raises(AuthenticationFailed):
        opened(sealed(b"copied", ids=elsewhere), expected=ids)


def test_an_earlier_object_of_the_same_attachment_is_refused_by_its_context() -> None:
    ids = new_ids()
    current = sealer(ids=ids)
    open_header(finished(current, b"now"), RING, expected=ids, expected_prefix_core=current.prefix_core)
    for _ in range(20):
        earlier = sealed(b"before", ids=ids)
        assert opened(earlier, expected=ids) == b"before"  # a sound envelope: only the row can tell
        with pytest.raises(AuthenticationFailed, match="differ from the row"):
            open_header(earlier, RING, expected=ids, expected_prefix_core=current.prefix_core)


def test_a_forgery_with_the_public_keys_lacks_the_origin_signature() -> None:
    for _ in range(20):
        forged = sealed(b"pay to somebody else", ring=FORGER)
        with pytest.raises(AuthenticationFailed, match="signed"):
            opened(forged, ring=SIGNING)


def test_what_the_vault_signed_opens_with_and_without_the_origin_key() -> None:
    signed = sealed(b"signed", ring=SIGNING)
    assert opened(signed, ring=SIGNING) == b"signed"
    assert opened(signed, ring=RING) == b"signed"
    with pytest.raises(AuthenticationFailed, match="signed"):
        opened(signed, ring=ring_holding("primary", origin_keys=("other-origin",)))


def test_a_rewrapped_envelope_opens_for_its_new_recipients_alone() -> None:
    stored = sealed(b"rotated")
    successor = KeyRing(KEKS["stranger"], [public_half("recovery")])
    row = open_header(stored, RING, expected=None).row
    newer = row.rewrap(successor)
    envelope = open_header(stored, successor, expected=None, key_blocks=[newer])
    assert envelope.row.key_block == newer
    assert envelope.row.key_block_seq == 1
    assert envelope.row.kek_ids == tuple(kek.kek_id for kek in successor.recipients)
    with pytest.raises(EncryptionError):
        open_header(stored, successor, expected=None)


def test_newest_key_block_that_verifies_is_the_current_one() -> None:
    stored = sealed(b"rotated twice")
    first = open_header(stored, RING, expected=None).row
    second = first.rewrap(RING)
    third = open_row(first.prefix_core, second, RING).rewrap(RING)
    damaged = bytes([*third[:-1], third[-1] ^ 1])
    for key_blocks, seq in (
        ([third, second], 2),
        ([second, third], 2),
        ([damaged, second], 1),
        ([damaged], 0),
        ([], 0),
    ):
        assert open_header(stored, RING, expected=None, key_blocks=key_blocks).row.key_block_seq == seq


def test_two_rewraps_never_share_a_salt() -> None:
    row = open_header(sealed(b""), RING, expected=None).row
    assert row.rewrap(RING)[4:36] != row.rewrap(RING)[4:36]


def test_a_rewrap_beyond_the_last_number_is_refused() -> None:
    sealing = sealer()
    row = open_row(sealing.prefix_core, sealing.key_block, RING)
    last = type(row)(row.prefix_core, row.key_block, 2**32 - 1, row.kek_ids, row.dek)
    with pytest.raises(MalformedEnvelope, match="anew"):
        last.rewrap(RING)


def test_more_key_blocks_than_a_reader_tries_are_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="at most 8"):
        open_header(sealed(b""), RING, expected=None, key_blocks=[b""] * 9)


def test_a_key_block_of_another_object_does_not_open_this_one() -> None:
    one, other = sealer(), sealer()
    with pytest.raises(UnwrapFailed):
        open_row(one.prefix_core, other.key_block, RING)
