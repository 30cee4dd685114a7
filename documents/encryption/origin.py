"""What an origin key signs (FORMAT.md §4.1)."""

import hashlib


def origin_message(context: bytes) -> bytes:
    """The 43 bytes that say: one of this vault's writers made this context."""
    return b"vlt1/origin" + hashlib.sha256(context).digest()
