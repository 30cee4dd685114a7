"""Keys and bodies of the conformance suite."""

import random
import uuid


def fresh_key() -> str:
    """A key that nobody used before."""
    return f"conformance/{uuid.uuid4()}"


def body_of(size: int) -> bytes:
    """Bytes of which no two stretches are alike, so that a stretch in the wrong place shows."""
    return random.Random(size).randbytes(size)  # noqa: S311  # a body, not a secret
