"""What the path of an original says: ``documents/user_123/2024/01/15/1_passport.pdf_pdf.json``."""

import mimetypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from documents.services.names import UNKNOWN_TYPE, clean_content_type, clean_filename

_OWNER = re.compile(r"user_([0-9]{1,18})")
SYSTEM = "system"
# Document number, sanitised name, and the ending of the name once more.
_ENVELOPE = re.compile(r"[0-9]+_.+_[A-Za-z0-9]*\.json", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+_(?=.)")
_APPENDED = re.compile(r"(?P<name>.+)_(?P<ending>[A-Za-z0-9]{0,16})")


@dataclass(frozen=True, slots=True)
class Told:
    """``owner_id`` is of the older system, None where the path names nobody; ``made_at`` midnight UTC of its date."""

    filename: str
    owner_id: int | None = None
    is_system: bool = False
    made_at: datetime | None = None

    @property
    def content_type(self) -> str:
        """The type that goes with the file name's ending, or the unknown type."""
        return clean_content_type(mimetypes.guess_type(self.filename)[0] or UNKNOWN_TYPE)


def told_by(key: str, *, is_envelope: bool) -> Told:
    """Return what ``key`` says. Directories that say nothing may stand before, between and behind what they say."""
    *above, last = key.split("/")
    owners = [int(found[1]) for segment in above if (found := _OWNER.fullmatch(segment))]
    place, made_at = _date_in(above)
    return Told(
        filename=clean_filename(_name_in(last) if is_envelope else last),
        owner_id=owners[-1] if owners else None,
        # "system" may be the name of any directory; before a date it is the owner.
        is_system=not owners and place > 0 and above[place - 1] == SYSTEM,
        made_at=made_at,
    )


def is_named_as_envelope(key: str) -> bool:
    """Whether the name is one that older vaults gave: whatever is in it, it is no plain file then."""
    return _ENVELOPE.fullmatch(key.rpartition("/")[2]) is not None


def _date_in(segments: Sequence[str]) -> tuple[int, datetime | None]:
    """Where the last date begins among the segments, and the date."""
    for place in range(len(segments) - 3, -1, -1):
        year, month, day = segments[place : place + 3]
        if re.fullmatch(r"[0-9]{4}/[0-9]{2}/[0-9]{2}", f"{year}/{month}/{day}"):
            try:
                return place, datetime(int(year), int(month), int(day), tzinfo=UTC)
            except ValueError:
                continue
    return -1, None


def _name_in(last: str) -> str:
    """``1_passport.pdf_pdf.json`` → ``passport.pdf``. What does not follow that form is kept as it is."""
    name = last[: -len(".json")] if last.lower().endswith(".json") else last
    name = _NUMBER.sub("", name, count=1)
    found = _APPENDED.fullmatch(name)
    if not found:
        return name
    plain, ending = found["name"], found["ending"]
    if not ending or plain.lower().endswith(f".{ending.lower()}"):
        return plain
    return f"{plain}.{ending}" if mimetypes.guess_type(f"x.{ending}")[0] else name
