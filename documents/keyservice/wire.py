"""Frames on a connection with an unwrap service, and what is in them (docs/key-services.md).

frame     "VU" ‖ version (1) ‖ code (1) ‖ size (4, big-endian) ‖ body
request   KEKS, no body; OPEN, KEK id (32) ‖ context (144) ‖ wrapped DEK (1 to 4,096)
answer    GIVEN, the DEK (32), or the ids of the KEKs (32 each); REFUSED; UNKNOWN_KEK; LIMITED, milliseconds (4) until
          there is room again; UNAVAILABLE; BUSY, after which the connection ends
"""

import socket
import struct
import time
from typing import NamedTuple

from documents.encryption.derivation import CONTEXT_SIZE, DEK_SIZE
from documents.encryption.keyblock import MAX_WRAPPED_SIZE

KEKS, OPEN = 1, 2
GIVEN, REFUSED, UNKNOWN_KEK, LIMITED, UNAVAILABLE, BUSY = 0, 1, 2, 3, 4, 5
KEK_ID_SIZE = 32  # bytes, FORMAT.md §1
LARGEST_REQUEST = KEK_ID_SIZE + CONTEXT_SIZE + MAX_WRAPPED_SIZE  # bytes of a body
LARGEST_ANSWER = KEK_ID_SIZE * 1_000

_MAGIC, _VERSION = b"VU", 1
_HEADER = struct.Struct(">2sBBI")
_MILLISECONDS = struct.Struct(">I")


class BrokenFrame(Exception):
    """What came is no frame, or the connection ended inside one. The connection is of no use any more."""


class WrongAnswer(Exception):
    """A frame came that is no answer to what was asked."""


class Frame(NamedTuple):
    """One message: a code of this module, and its body in bytes."""

    code: int
    body: bytes = b""


class OpenRequest(NamedTuple):
    """A wrapped DEK, the id of its KEK, and the context that its wrap binds (FORMAT.md §5)."""

    kek_id: bytes
    context: bytes
    wrapped: bytes


def open_frame(request: OpenRequest) -> Frame:
    """The request to unwrap. KEK id and context have their sizes."""
    return Frame(OPEN, b"".join(request))


def open_request(body: bytes) -> OpenRequest:
    """Raises BrokenFrame for a body that is too short."""
    wrapped_at = KEK_ID_SIZE + CONTEXT_SIZE
    if len(body) <= wrapped_at:
        raise BrokenFrame("a request to unwrap is cut short")
    return OpenRequest(body[:KEK_ID_SIZE], body[KEK_ID_SIZE:wrapped_at], body[wrapped_at:])


def demand_answer(request: Frame, answer: Frame) -> None:
    """Raises WrongAnswer for what has a size that no answer to the request has."""
    size = len(answer.body)
    if answer.code == GIVEN:
        fits = size == DEK_SIZE if request.code == OPEN else size % KEK_ID_SIZE == 0
    else:
        fits = size == _MILLISECONDS.size or answer.code != LIMITED
    if not fits:
        raise WrongAnswer(f"an answer {answer.code} to the request {request.code} has {size} bytes")


def given_kek_ids(frame: Frame) -> frozenset[bytes]:
    """The KEK ids of an answer that ``demand_answer`` let pass."""
    return frozenset(frame.body[at : at + KEK_ID_SIZE] for at in range(0, len(frame.body), KEK_ID_SIZE))


def limited_frame(seconds: float) -> Frame:
    """The answer that there is room again in so long."""
    return Frame(LIMITED, _MILLISECONDS.pack(min(int(seconds * 1_000) + 1, 0xFFFFFFFF)))


def limited_seconds(frame: Frame) -> float:
    """The time in an answer that ``demand_answer`` let pass."""
    return float(_MILLISECONDS.unpack(frame.body)[0]) / 1_000


def send(connection: socket.socket, frame: Frame, *, seconds: float) -> None:
    """Send one frame. Raises TimeoutError after ``seconds``, OSError."""
    connection.settimeout(seconds)
    connection.sendall(_HEADER.pack(_MAGIC, _VERSION, frame.code, len(frame.body)) + frame.body)


def receive(connection: socket.socket, *, largest: int, seconds: float, idle: float | None = None) -> Frame | None:
    """Return the next frame, None where the other side closed the connection before it.

    Its first byte is waited for ``idle`` seconds (None: ``seconds``), and all of it ``seconds`` from then on, however
    slowly it comes. Raises TimeoutError, BrokenFrame, OSError; nothing of a body beyond ``largest`` bytes is read.
    """
    connection.settimeout(seconds if idle is None else idle)
    first = connection.recv(_HEADER.size)
    if not first:
        return None
    until = time.monotonic() + seconds
    magic, version, code, size = _HEADER.unpack(first + _exactly(connection, _HEADER.size - len(first), until))
    if (magic, version) != (_MAGIC, _VERSION) or size > largest:
        raise BrokenFrame("this is no frame, or one of another version, or too large")
    return Frame(code, _exactly(connection, size, until))


def _exactly(connection: socket.socket, size: int, until: float) -> bytes:
    data = b""
    while len(data) < size:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("a frame did not come in time")
        connection.settimeout(left)
        piece = connection.recv(size - len(data))
        if not piece:
            raise BrokenFrame("the connection ended inside a frame")
        data += piece
    return data
