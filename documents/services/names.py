"""Names that people and attackers give: made harmless once, where they come in."""

import re
import unicodedata

from documents.storage.policies import UNKNOWN_TYPE

__all__ = ["FALLBACK", "UNKNOWN_TYPE", "clean_content_type", "clean_filename", "clean_title"]

# The width of the column, in characters; and what file systems take, in bytes, when the document is saved again.
LONGEST_NAME = 255
LONGEST_ENDING = 20  # bytes; what is longer is no ending
FALLBACK = "document"
# What HTTP clients say of a body when nobody told them: no document is of these types.
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
# Characters that Windows refuses in a file name; "/" and "\\" are path separators and are dealt with before.
_FORBIDDEN = re.compile(r'[<>:"|?*]')
# Control, format (RTL override and other invisibles), surrogate, private use and unassigned characters.
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean_filename(name: str) -> str:
    """Return ``name`` as a plain file name: one line, one segment, at most 255 characters and 255 UTF-8 bytes.

    The directory part is dropped, invisible and control characters are removed, the ending is kept where a long name
    is cut. What has nothing left is called "document". Repeating it changes nothing.
    """
    last = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    visible = "".join(c for c in last if unicodedata.category(c) not in _INVISIBLE)
    # Only now: what was invisible may have stood between characters that belong together.
    composed = unicodedata.normalize("NFC", visible)
    plain = " ".join(_FORBIDDEN.sub("_", composed).split()).strip(". ")
    if not plain:
        return FALLBACK
    stem, dot, ending = plain.rpartition(".")
    if not stem or len(ending.encode()) > LONGEST_ENDING:
        stem, dot, ending = plain, "", ""
    room = LONGEST_NAME - len((dot + ending).encode())
    cut = _cut(stem, room).rstrip(". ")
    # A cut may have made an ending of what was none: then it is cleaned as one.
    return (cut or FALLBACK) + dot + ending if dot or cut == plain else clean_filename(cut)


def clean_title(title: str, *, filename: str) -> str:
    """Return a title of one line and at most 255 characters; without one, the file name without its ending."""
    visible = "".join(
        " " if unicodedata.category(c) == "Cc" else c
        for c in title
        if unicodedata.category(c) == "Cc" or unicodedata.category(c) not in _INVISIBLE
    )
    plain = " ".join(unicodedata.normalize("NFC", visible).split())[:LONGEST_NAME].strip()
    return plain or filename.rpartition(".")[0] or filename


def clean_content_type(content_type: str) -> str:
    """Return ``type/subtype`` in lower case without parameters, or ``application/octet-stream`` for anything else."""
    plain = content_type.split(";", 1)[0].strip().lower()
    # RFC 6838 §4.2
    if plain not in _FORM_TYPES and re.fullmatch(
        r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}", plain
    ):
        return plain
    return UNKNOWN_TYPE


def _cut(text: str, room: int) -> str:
    return text.encode()[:room].decode(errors="ignore")
