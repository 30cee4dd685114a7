"""What the unwrap service answers, whoever asks: written down before, limited, given out only where it fits."""

import itertools
import time
from dataclasses import dataclass
from uuid import UUID

import structlog

from documents.encryption.derivation import fits_commitment
from documents.encryption.header import parse_core
from documents.encryption.keyring import Kek
from documents.errors import MalformedEnvelope, UnsupportedEnvelope
from documents.keyservice import wire
from documents.keyservice.audit import AuditFile
from documents.keyservice.held_keys import HeldKeys
from documents.keyservice.limits import RateLimits
from documents.keyservice.seldom import Seldom
from documents.keyservice.wire import BrokenFrame, Frame, OpenRequest

# Seconds that an answer is held back: half of the shortest time-out that a client can have.
LONGEST_DELAY = 0.5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who asks: ``name`` is what it is allowed and limited by, ``process`` its id where it is on this machine."""

    name: str
    process: int | None = None


class Unwrapping:
    """Answers requests, from several threads.

    Two lines are written for an unwrap, before it and after it, and without the first nothing is unwrapped, without the
    second nothing is given out. A DEK leaves only where the commitment in the context was made with it: so the
    attachment that is written down is the one that the DEK opens, whatever the peer would rather have there. Requests
    beyond the limit are written down once a second for each peer, with their number: nobody fills a disk with them.
    """

    def __init__(self, keys: HeldKeys, audit: AuditFile, unwraps: RateLimits, questions: RateLimits) -> None:
        self._keys, self._audit = keys, audit
        self._unwraps, self._questions = unwraps, questions
        self._numbers = itertools.count(1)
        self._limited = Seldom(self._write_limited)

    def answer(self, request: Frame, peer: Peer) -> Frame:
        """Return the answer; where a limit is reached, late. Raises BrokenFrame for what is no request."""
        if request.code == wire.KEKS:
            if wait := self._questions.take(peer.name):
                return _late(wait)
            return Frame(wire.GIVEN, b"".join(self._keys.kek_ids()))
        if request.code == wire.OPEN:
            return self._open(wire.open_request(request.body), peer)
        raise BrokenFrame(f"there is no request {request.code}")

    def flush(self, *, all_of_it: bool = False) -> None:
        """Write down what was refused and only counted: what is due, or all. To be called every second."""
        try:
            self._limited.flush(all_of_it=all_of_it)
        except OSError as error:
            log.error("audit_not_written", error=str(error))  # noqa: TRY400  # as below

    def _open(self, request: OpenRequest, peer: Peer) -> Frame:
        attachment = _attachment_of(request.context)
        facts: dict[str, str | int | None] = {
            "unwrap": next(self._numbers),
            "peer": peer.name,
            "process": peer.process,
            "kek": request.kek_id.hex(),
            "attachment": str(attachment) if attachment else None,
        }
        try:
            return self._audited(request, peer, facts)
        except OSError as error:
            log.error("audit_not_written", error=str(error))  # noqa: TRY400  # the disk is at fault, and no line of ours
            return Frame(wire.UNAVAILABLE)

    def _audited(self, request: OpenRequest, peer: Peer, facts: dict[str, str | int | None]) -> Frame:
        """Raises OSError where the audit file takes no line."""
        if wait := self._unwraps.take(peer.name):
            self._limited.note(peer.name)
            return _late(wait)
        kek = self._keys.find(request.kek_id)
        if kek is None:
            self._audit.write(**facts, outcome="unknown-kek")
            return Frame(wire.UNKNOWN_KEK)
        self._audit.write(**facts, outcome="asked")
        dek = _unwrapped(kek, request) if facts["attachment"] else None
        self._audit.write(**facts, outcome="refused" if dek is None else "given")
        return Frame(wire.REFUSED) if dek is None else Frame(wire.GIVEN, dek)

    def _write_limited(self, about: str, /, *, count: int, **_facts: str | int | None) -> None:
        self._audit.write(peer=about, count=count, outcome="limited")


def _late(wait: float) -> Frame:
    """The answer that there is room in ``wait`` seconds, given after some of them: who does not wait is made to."""
    delay = min(wait, LONGEST_DELAY)
    time.sleep(delay)
    return wire.limited_frame(wait - delay)


def _unwrapped(kek: Kek, request: OpenRequest) -> bytes | None:
    if kek.opener is None:
        return None
    dek = kek.opener.open_dek(request.wrapped, request.context)
    return dek if fits_commitment(dek, request.context) else None


def _attachment_of(context: bytes) -> UUID | None:
    """The attachment that the context says it is of, None where it is no context."""
    try:
        return parse_core(context).ids.attachment_id
    except (MalformedEnvelope, UnsupportedEnvelope):
        return None
