"""From key blocks to the one DEK that fits the commitment (FORMAT.md §5, §7.1)."""

from collections.abc import Sequence
from typing import NamedTuple

from documents.encryption.derivation import fits_commitment
from documents.encryption.kek import DekOpener
from documents.encryption.keyblock import WRAP_TYPES, KeyBlock, parse_key_block, wrap_name
from documents.encryption.keyring import KeyRing
from documents.errors import (
    AuthenticationFailed,
    MalformedEnvelope,
    UnknownKey,
    UnsupportedEnvelope,
    UnwrapFailed,
    WeakWrap,
)

MAX_OUTSIDE_KEY_BLOCKS = 8


class Unwrapped(NamedTuple):
    """A DEK that fits the commitment, and the newest key block that verifies under it."""

    dek: bytes
    current: KeyBlock


class _Usable(NamedTuple):
    opener: DekOpener
    wrapped: bytes


def unwrap(own: KeyBlock, outside: Sequence[bytes], *, context: bytes, key_ring: KeyRing) -> Unwrapped:
    """Unwrap from the envelope's ``own`` key block or from newer ones that came from ``outside``.

    One from outside that is malformed, fits nobody here or does not verify is set aside; the envelope's own must
    verify under the DEK in every case. A stanza of a weaker type than the ring accepts is never unwrapped: this is the
    one place that sees to it, below whatever is cached. Raises SealOnlyKeyRing, UnknownKey, UnsupportedEnvelope,
    WeakWrap, UnwrapFailed, AuthenticationFailed, and what an opener raises; ValueError for more key blocks than a
    reader may try.
    """
    key_ring.require_private_keys()
    if len(outside) > MAX_OUTSIDE_KEY_BLOCKS:
        raise ValueError(f"at most {MAX_OUTSIDE_KEY_BLOCKS} key blocks from outside")
    candidates = [own, *_well_formed(outside)]
    candidates.sort(key=lambda block: block.seq, reverse=True)
    dek = _first_fitting(candidates, context=context, key_ring=key_ring)
    if dek is None:
        raise _why_none_fits(own, candidates, key_ring)
    if not own.verifies(dek=dek, context=context):
        raise AuthenticationFailed("The key block in the header does not verify: the stored bytes were changed.")
    newest = next(block for block in candidates if block is own or block.verifies(dek=dek, context=context))
    return Unwrapped(dek, newest)


def parse_whole_key_block(data: bytes) -> KeyBlock:
    """A key block with nothing behind it. Raises MalformedEnvelope."""
    block = parse_key_block(data)
    if len(block.raw) != len(data):
        raise MalformedEnvelope("Something follows the key block.")
    return block


def _well_formed(outside: Sequence[bytes]) -> list[KeyBlock]:
    blocks = []
    for data in outside:
        try:
            blocks.append(parse_whole_key_block(data))
        except MalformedEnvelope:
            continue
    return blocks


def _first_fitting(candidates: Sequence[KeyBlock], *, context: bytes, key_ring: KeyRing) -> bytes | None:
    for block in candidates:
        if usable := _usable_stanza(block, key_ring):
            dek = usable.opener.open_dek(usable.wrapped, context)
            if fits_commitment(dek, context):
                return dek
    return None


def _usable_stanza(block: KeyBlock, key_ring: KeyRing) -> _Usable | None:
    for stanza in block.stanzas:
        if not key_ring.accepts(stanza.type):
            continue
        if opener := key_ring.opener_for(stanza.type, stanza.kek_id):
            return _Usable(opener, stanza.wrapped)
    return None


def _why_none_fits(own: KeyBlock, candidates: Sequence[KeyBlock], key_ring: KeyRing) -> Exception:
    if any(_usable_stanza(block, key_ring) for block in candidates):
        return UnwrapFailed(
            "No DEK of this envelope can be had with the key ring: a wrapped DEK or its header is damaged."
        )
    if any(stanza.type not in WRAP_TYPES.values() for stanza in own.stanzas):
        return UnsupportedEnvelope("The DEK is wrapped in a way that this release does not know.")
    if any(not key_ring.accepts(stanza.type) for stanza in own.stanzas):
        return WeakWrap(
            f"The DEK is wrapped more weakly than {wrap_name(key_ring.weakest_type)}, the weakest wrap that is "
            "accepted. Accept the weaker one again (VAULT_WEAKEST_WRAP), rewrap what is left for the new keys, then "
            "refuse it."
        )
    wanted = ", ".join(stanza.kek_id.hex()[:16] for stanza in own.stanzas)
    return UnknownKey(
        f"No recipient of this envelope is in the key ring. Add the private key of a KEK among: {wanted}."
    )
