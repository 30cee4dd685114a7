"""Faults in the body. Headers are sound, so a reader releases what stands before the fault and nothing after it."""

from collections.abc import Iterator

from documents.encryption.vectors.case import Vector, body_refused, opens
from documents.encryption.vectors.success import document
from documents.encryption.vectors.writer import CHUNK, Draft, draw, flip

SIZE = 2 * CHUNK + 300  # three chunks, the last one short
STRIDE = CHUNK + 16
THREE = document(SIZE)


def cases() -> Iterator[Vector]:
    """Vectors of §2.6, §7.2 and §7.3: damage, lengths, sequences, exchanges, ranges."""
    yield from _flips()
    yield from _lengths()
    yield from _sequences()
    yield from _exchanges()
    yield from _ranges()


def _flips() -> Iterator[Vector]:
    for name, offset, released in (
        ("flip-first-byte", 0, 0),
        ("flip-first-tag", CHUNK, 0),
        ("flip-middle", STRIDE + 77, CHUNK),
        ("flip-middle-tag-end", 2 * STRIDE - 1, CHUNK),
        ("flip-last", 2 * STRIDE, 2 * CHUNK),
        ("flip-last-bit", 2 * STRIDE + 300 + 15, 2 * CHUNK),
    ):
        draft = Draft(name, THREE)
        damaged = flip(4_096 + offset, bit=7)(draft.object)
        yield body_refused(draft, "§2.6", f"One bit at {offset} of the body.", object=damaged, released=released)
    draft = Draft("flip-empty", b"")
    yield body_refused(draft, "§2.6", "The tag of an empty document.", object=flip(-1)(draft.object), released=0)


def _lengths() -> Iterator[Vector]:
    impossible = "MalformedEnvelope"
    for name, keep, released, error in (
        ("cut-body", 0, 0, impossible),
        ("cut-15-bytes", 15, 0, impossible),
        ("cut-to-tag", 16, 0, "AuthenticationFailed"),
        ("cut-in-first", CHUNK, 0, "AuthenticationFailed"),
        ("cut-one-chunk", STRIDE, 0, "AuthenticationFailed"),
        ("cut-one-byte-of-second", STRIDE + 1, 0, impossible),
        ("cut-tag-of-second", STRIDE + 16, 0, impossible),
        ("cut-17-of-second", STRIDE + 17, CHUNK, "AuthenticationFailed"),
        ("cut-two-chunks", 2 * STRIDE, CHUNK, "AuthenticationFailed"),
        ("cut-last-byte", 2 * STRIDE + 315, 2 * CHUNK, "AuthenticationFailed"),
    ):
        draft = Draft(name, THREE)
        cut = draft.object[: 4_096 + keep]
        yield body_refused(draft, "§7.2", f"{keep} bytes of body are left.", object=cut, released=released, error=error)
    for name, more, released in (("longer-by-1", b"\0", 2 * CHUNK), ("longer-by-chunk", draw("?", STRIDE), 2 * CHUNK)):
        draft = Draft(name, THREE)
        about = f"{len(more)} bytes follow the last chunk."
        yield body_refused(draft, "§7.2", about, object=draft.object + more, released=released)
    full = Draft("longer-by-tag", document(CHUNK))
    again = full.object + full.chunk(1, b"", last=True)
    about = "An empty chunk, soundly sealed, behind a full last one."
    yield body_refused(full, "§7.2", about, object=again, released=0, error=impossible)
    draft = Draft("empty-last", document(CHUNK))
    ends_empty = draft.header + draft.chunk(0, draft.plaintext, last=False) + draft.chunk(1, b"", last=True)
    about = "A document that is not empty ends in an empty chunk."
    yield body_refused(draft, "§2.6", about, object=ends_empty, released=0, error=impossible)


def _sequences() -> Iterator[Vector]:
    for name, order, released, about in (
        ("swapped", (1, 0, 2), 0, "The first two chunks changed places."),
        ("first-dropped", (1, 2), 0, "The first chunk is missing."),
        ("middle-dropped", (0, 2), 1, "The middle chunk is missing."),
        ("first-twice", (0, 0, 1, 2), 1, "The first chunk stands there twice."),
        ("middle-twice", (0, 1, 1, 2), 2, "The middle chunk stands there twice."),
        ("last-first", (0, 1, 1), 2, "The middle chunk in the place of the last."),
    ):
        draft = Draft(name, document(3 * CHUNK))
        body = b"".join(draft.chunks[index] for index in order)
        yield body_refused(draft, "§2.6", about, object=draft.header + body, released=released * CHUNK)
    draft = Draft("last-twice", document(3 * CHUNK))
    about = "The last chunk stands there twice."
    yield body_refused(draft, "§7.2", about, object=draft.object + draft.chunks[2], released=2 * CHUNK)
    for name, flags, released, about in (
        ("no-last-flag", (False, False), 1, "No chunk has the last flag."),
        ("early-last-flag", (True, True), 0, "An earlier chunk has the last flag, too."),
    ):
        draft = Draft(name, document(2 * CHUNK))
        first, second = (draft.plaintext[:CHUNK], draft.plaintext[CHUNK:])
        body = draft.chunk(0, first, last=flags[0]) + draft.chunk(1, second, last=flags[1])
        yield body_refused(draft, "§2.6", about, object=draft.header + body, released=released * CHUNK)
    draft = Draft("count-from-one", document(100))
    body = draft.chunk(1, draft.plaintext, last=True)
    yield body_refused(draft, "§2.6", "Counted from 1.", object=draft.header + body, released=0)
    draft = Draft("short-middle", document(CHUNK + 100))
    body = draft.chunk(0, draft.plaintext[:100], last=False) + draft.chunk(1, draft.plaintext[100:], last=True)
    yield body_refused(draft, "§2.6", "The first chunk is the short one.", object=draft.header + body, released=0)


def _exchanges() -> Iterator[Vector]:
    other = Draft("another envelope", document(3 * CHUNK))
    draft = Draft("splice-chunk", document(3 * CHUNK))
    body = draft.chunks[0] + other.chunks[1] + draft.chunks[2]
    yield body_refused(draft, "§3", "A chunk of another envelope.", object=draft.header + body, released=CHUNK)
    draft = Draft("splice-body", document(3 * CHUNK))
    about = "The whole body of another envelope."
    yield body_refused(draft, "§3", about, object=draft.header + b"".join(other.chunks), released=0)
    draft = Draft("zeros-body", document(100))
    yield body_refused(draft, "§2.6", "Zeros for a body.", object=draft.header + bytes(116), released=0)


def _ranges() -> Iterator[Vector]:
    draft = Draft("range-beside-damage", THREE)
    sound = opens(draft, "§7.2", "Another chunk is damaged; a range read does not see it.", range=(CHUNK, CHUNK + 9))
    yield Vector(**{**vars(sound), "object": flip(4_096)(draft.object)})
    for name, start, stop, offset, released in (
        ("range-damaged", CHUNK + 5, CHUNK + 9, STRIDE, 0),
        ("range-damaged-later", 10, CHUNK + 9, STRIDE, CHUNK - 10),
        ("range-damaged-outside-part", CHUNK, CHUNK + 1, 2 * STRIDE - 17, 0),
        ("range-last-damaged", 2 * CHUNK, 2 * CHUNK + 1, 2 * STRIDE + 315, 0),
    ):
        draft = Draft(name, THREE)
        damaged = flip(4_096 + offset)(draft.object)
        about = f"Plaintext {start} to {stop}; one bit at {offset} of the body."
        yield body_refused(draft, "§7.2", about, object=damaged, released=released, range=(start, stop))
    draft = Draft("range-of-cut", THREE)
    cut = draft.object[: 4_096 + 2 * STRIDE]
    about = "The object was cut at a chunk boundary; the range reaches its new end."
    yield body_refused(draft, "§7.2", about, object=cut, released=0, range=(CHUNK, 2 * CHUNK))
