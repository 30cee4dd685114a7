"""How pages say sizes, times, types and events: in plain words, with the exact value one hover away."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator, get_text_list
from django.utils.timesince import timesince, timeuntil

from documents.http.caller import request_id
from documents.models import AuditEvent, Link
from documents.wiring import vault_config

register = template.Library()

# Beyond this a date says more than "5 weeks ago".
_RELATIVE_FOR = timedelta(days=7)

# Short words for the types that people meet; what is not here is named by the file's ending.
_KINDS = {
    "application/pdf": "PDF",
    "application/zip": "ZIP",
    "application/msword": "DOC",
    "application/vnd.ms-excel": "XLS",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "DOCX",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "XLSX",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PPTX",
    "application/vnd.oasis.opendocument.text": "ODT",
    "text/plain": "TXT",
    "image/jpeg": "JPEG",
    "image/svg+xml": "SVG",
}
_LONGEST_KIND = 5
# A text beyond this is folded: on a phone it would be more than a dozen lines.
_LONG_TEXT, _MANY_LINES, _BEGINNING = 240, 8, 160
_FAMILIES = {"image/*": "images", "audio/*": "sound", "video/*": "videos", "text/*": "text"}

_EVENTS = {
    "upload.staged": "Uploaded and sealed",
    "document.created": "Confirmed",
    "document.recovered": "Recovered from its stored object",
    "document.adopted": "Taken over from where it was",
    "document.registered": "Found in an older vault, and readable there",
    "document.resealed": "Sealed anew",
    "document.downloaded": "Downloaded",
    "document.deleted": "Deleted",
    "document.renamed": "Renamed",
    "document.attributes-set": "Attributes changed",
    "attachment.unreadable": "Could not be opened",
    "link.created": "Link made",
    "link.downloaded": "Downloaded through a link",
    "link.revoked": "Link revoked",
    "link.password-wrong": "A wrong password was entered at a link",
    "link.locked": "Link locked for a while: too many wrong passwords",
}


@register.filter
def size(value: int | None) -> SafeString:
    """Return a size in bytes as ``1.2 MB``, with the bytes in the title."""
    return format_html('<span title="{} bytes">{}</span>', f"{value or 0:,}", filesizeformat(value or 0))


@register.filter
def moment(value: datetime) -> SafeString:
    """Return an aware time as "3 hours ago", "in 7 days" or a date, with the exact UTC time in title and datetime."""
    utc = value.astimezone(timezone.get_default_timezone())
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        utc.isoformat(timespec="seconds"),
        f"{utc:%Y-%m-%d %H:%M:%S}",
        _in_words(utc, timezone.now()),
    )


def _in_words(value: datetime, now: datetime) -> str:
    away = value - now
    if abs(away) < timedelta(minutes=1):
        return "just now" if away <= timedelta(0) else "in less than a minute"
    if abs(away) >= _RELATIVE_FOR + timedelta(hours=1):
        return f"{value.day} {value:%B %Y}"
    # Half a minute on top: a link of 24 hours, made a second ago, ends in 24 hours.
    if away > timedelta(0):
        value += timedelta(seconds=30)
    if timedelta(hours=1) <= abs(value - now) < timedelta(hours=48):
        hours = abs(value - now) // timedelta(hours=1)
        words = f"{hours} hour{'s' if hours > 1 else ''}"
    else:
        words = timeuntil(value, now, depth=1) if away > timedelta(0) else timesince(value, now, depth=1)
    return f"in {words}" if away > timedelta(0) else f"{words} ago"


@register.filter
def kind(content_type: str, filename: str) -> str:
    """Return a word of at most five letters for a badge: PDF, JPEG, or the file's ending."""
    ending = filename.rpartition(".")[2] if "." in filename else ""
    if content_type in _KINDS:
        return _KINDS[content_type]
    return ending.upper() if ending.isascii() and 0 < len(ending) <= _LONGEST_KIND else "FILE"


@register.filter
def is_long(text: str) -> bool:
    """Return whether a page shows a text folded."""
    return len(text) > _LONG_TEXT or text.count("\n") >= _MANY_LINES


@register.filter
def beginning(text: str) -> str:
    """Return how a folded text begins, in one line."""
    return Truncator(" ".join(text.split())).chars(_BEGINNING)


@register.filter
def types_in_words(types: Sequence[str]) -> str:
    """Return media types for people: "PDF, images or application/x-ours"; "" for none."""
    return get_text_list([_FAMILIES.get(one) or _KINDS.get(one) or one for one in types], "or")


@register.filter
def stem(filename: str) -> str:
    """Return a file name without its ending: the title that a document gets unless its owner writes another."""
    return filename.rpartition(".")[0] or filename


@register.filter
def in_words(event: AuditEvent) -> str:
    """Return what an event was, for the document's owner."""
    return _EVENTS.get(event.action, event.action.replace(".", " ").replace("-", " ").capitalize())


@register.filter
def status(link: Link) -> str:
    """Return the word for a link's state: Active, Revoked, Document deleted, Expired or Used up."""
    if link.revoked_at:
        return "Revoked"
    if link.document_id is None:
        return "Document deleted"
    if link.expires_at <= timezone.now():
        return "Expired"
    if link.max_downloads is not None and link.downloads >= link.max_downloads:
        return "Used up"
    return "Active"


@register.filter
def downloads_left(link: Link) -> int:
    """Return how many downloads a counted link still gives."""
    return max(0, (link.max_downloads or 0) - link.downloads)


@register.simple_tag
def logged_as() -> str:
    """Return the id under which the log keeps this request, or "" where there is none."""
    return request_id()


@register.simple_tag
def signup_open() -> bool:
    """Return whether people may make accounts by themselves (``VAULT_SIGNUP_OPEN``)."""
    return vault_config().signup_open
