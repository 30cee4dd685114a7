"""What an object key may look like, on every provider alike, so that any object can move to any provider."""

import re
import unicodedata

from documents.errors import InvalidObjectKey

# The width of the column that keeps a key, in characters.
MAX_CHARACTERS = 500
# The limit of S3 (Amazon S3 User Guide, "Naming Amazon S3 objects").
MAX_BYTES = 1024
# NAME_MAX of the common file systems.
MAX_SEGMENT_BYTES = 255

# The names under which the local provider writes until an object is whole; no object may have one.
UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.part")


def check_key(key: str) -> None:
    """Raises InvalidObjectKey unless ``key`` is a relative path of plain segments that every provider can store.

    Every provider calls this before it does anything else with a key.
    """
    if complaint := _complaint(key):
        raise InvalidObjectKey(f"An object key {complaint}", key=_printable(key))


def prefixed_key(prefix: str, key: str, *, provider: str) -> str:
    """Return the key as a store knows it, whose provider puts ``prefix`` before every key. Raises InvalidObjectKey."""
    check_key(key)
    full = prefix + key
    if len(full.encode()) > MAX_BYTES:
        raise InvalidObjectKey(
            f"An object key has at most {MAX_BYTES:,} bytes, with its prefix", provider=provider, key=key
        )
    return full


def is_valid_key(key: str) -> bool:
    """Whether every provider takes this object key."""
    return _complaint(key) is None


def can_begin_a_key(prefix: str) -> bool:
    """Whether any valid key starts with ``prefix``; where none does, a listing is empty without asking the store."""
    return is_valid_key(prefix) or is_valid_key(f"{prefix}x")


def _complaint(key: str) -> str | None:
    if not key:
        return "cannot be empty"
    if len(key) > MAX_CHARACTERS:
        return f"has at most {MAX_CHARACTERS} characters, this one has {len(key):,}"
    # Nearly every key is plain, and seen to be so at once; each is checked at every call of a store.
    is_plain = key.isascii() and key.isprintable() and "\\" not in key
    if not is_plain and any(_is_unstorable(character) for character in key):
        return "cannot hold a backslash, a control character or half of a surrogate pair"
    if len(key.encode()) > MAX_BYTES:
        return f"has at most {MAX_BYTES:,} bytes in UTF-8, this one has {len(key.encode()):,}"
    return next((complaint for segment in key.split("/") if (complaint := _complaint_of_segment(segment))), None)


def _complaint_of_segment(segment: str) -> str | None:
    if segment in ("", ".", ".."):
        return "cannot be absolute, and cannot have an empty segment, '.' or '..'"
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"has segments of at most {MAX_SEGMENT_BYTES} bytes between its slashes"
    if UNFINISHED.fullmatch(segment):
        return "cannot look like an unfinished write"
    return None


def _is_unstorable(character: str) -> bool:
    # U+FFFE and U+FFFF, like most control characters, cannot stand in XML, which is how S3 lists keys.
    return character in "\\\ufffe\uffff" or unicodedata.category(character) in ("Cc", "Cs")


def _printable(key: str) -> str:
    return key[:MAX_CHARACTERS].encode("ascii", "backslashreplace").decode()
