"""Requests to unwrap, made of real envelopes."""

from documents.encryption.derivation import CONTEXT_SIZE
from documents.encryption.keyblock import parse_key_block
from documents.encryption.keyring import KeyRing
from documents.encryption.metadata import meta_size
from documents.keyservice.wire import OpenRequest
from tests.encryption.keys import RING
from tests.encryption.objects import new_ids, sealer


def request_for(*, ring: KeyRing = RING) -> OpenRequest:
    """What a vault asks for a new envelope: its primary's stanza."""
    header = sealer(ids=new_ids(), ring=ring).header
    size = meta_size(int.from_bytes(header[CONTEXT_SIZE : CONTEXT_SIZE + 4], "big"))
    stanza = next(
        stanza
        for stanza in parse_key_block(header[CONTEXT_SIZE + size :]).stanzas
        if stanza.kek_id == ring.primary.kek_id
    )
    return OpenRequest(stanza.kek_id, header[:CONTEXT_SIZE], stanza.wrapped)
