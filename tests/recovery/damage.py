"""Kinds of damage that a store may have, each with the answer that the script has to give."""

from collections.abc import Callable

from documents.recovery import recover
from tests.recovery.objects import Shelf

CHUNKS = 5  # of 4 KiB, in each object that is damaged
STRIDE = 4_096 + 16


def cut(shelf: Shelf, key: str, size: int) -> None:
    shelf.write(key, shelf.read(key)[:size])


def flip(shelf: Shelf, key: str, offset: int) -> None:
    stored = shelf.read(key)
    shelf.change(key, offset % len(stored), bytes([stored[offset] ^ 1]))


def swap_chunks(shelf: Shelf, key: str) -> None:
    stored, first = shelf.read(key), 4_096
    one, two = stored[first : first + STRIDE], stored[first + STRIDE : first + 2 * STRIDE]
    shelf.change(key, first, two + one)


def other_header(shelf: Shelf, key: str) -> None:
    """The header of another document before this one's body."""
    other = shelf.put(bytes(CHUNKS * 4_096), filename="other.pdf")
    shelf.change(key, 0, shelf.read(other)[:4_096])
    (shelf.root / other).unlink()


def other_wrapped_dek(shelf: Shelf, key: str, recipient: int) -> None:
    """Noise in the wrapped DEK of one of the two recipients, primary first."""
    stored = shelf.read(key)
    wrapped = recover.parse_header(stored).key_block.stanzas[recipient].wrapped
    shelf.change(key, stored.index(wrapped), bytes(len(wrapped)))


# Of each kind: what is done to the object, and the answer.
DAMAGE: dict[str, tuple[Callable[[Shelf, str], object], str]] = {
    "one bit of the body": (lambda shelf, key: flip(shelf, key, 4_096 + 2 * STRIDE + 7), "AuthenticationFailed"),
    "one bit of the last tag": (lambda shelf, key: flip(shelf, key, -1), "AuthenticationFailed"),
    "the last byte is gone": (lambda shelf, key: cut(shelf, key, -1), "AuthenticationFailed"),
    "the last chunk is gone": (lambda shelf, key: cut(shelf, key, -STRIDE), "AuthenticationFailed"),
    "the body is gone": (lambda shelf, key: cut(shelf, key, 4_096), "MalformedEnvelope"),
    "cut inside the header": (lambda shelf, key: cut(shelf, key, 1_000), "MalformedEnvelope"),
    "empty": (lambda shelf, key: cut(shelf, key, 0), "MalformedEnvelope"),
    "bytes behind the end": (lambda shelf, key: shelf.write(key, shelf.read(key) + bytes(99)), "AuthenticationFailed"),
    "two chunks exchanged": (swap_chunks, "AuthenticationFailed"),
    "another document's header": (other_header, "AuthenticationFailed"),
    "one bit of the salt": (lambda shelf, key: flip(shelf, key, 90), "UnwrapFailed"),
    "one bit of the attachment id": (lambda shelf, key: flip(shelf, key, 50), "UnwrapFailed"),
    "one bit of the names": (lambda shelf, key: flip(shelf, key, 200), "AuthenticationFailed"),
    "a wrapped DEK": (lambda shelf, key: other_wrapped_dek(shelf, key, 1), "UnwrapFailed"),
    "the other recipient's DEK": (lambda shelf, key: other_wrapped_dek(shelf, key, 0), "AuthenticationFailed"),
    "zeros that are none": (lambda shelf, key: flip(shelf, key, 4_095), "MalformedEnvelope"),
    "the first bytes": (lambda shelf, key: shelf.change(key, 0, bytes(8)), "MalformedEnvelope"),
    "a version to come": (lambda shelf, key: shelf.change(key, 8, b"\x02"), "UnsupportedEnvelope"),
    "overwritten by noise": (lambda shelf, key: shelf.write(key, b"\xa5" * 30_000), "MalformedEnvelope"),
}  # fmt: skip


def damaged(shelf: Shelf) -> dict[str, str]:
    """Put one object of each kind of damage on the shelf; returns the answers by key."""
    answers = {}
    for kind, (damage, answer) in DAMAGE.items():
        key = shelf.put(bytes(CHUNKS * 4_096), filename=f"{kind}.pdf")
        damage(shelf, key)
        answers[key] = answer
    return answers
