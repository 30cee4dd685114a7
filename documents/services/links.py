"""Links: made, claimed and revoked. A link gives what it says, until when it says."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from documents.errors import (
    DocumentNotFound,
    LinkGone,
    LinkLocked,
    LinkNotFound,
    LinkPasswordRequired,
    LinkPasswordWrong,
    LinkRejected,
)
from documents.failpoints import failpoint
from documents.models import Attachment, Document, Link
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import Actor
from documents.services.downloads import Download
from documents.wiring import vault_config

TOKEN_BYTES = 32  # 256 random bits; the promise asks for 128 at least
WRONG_PASSWORDS = 5
LOCK_TIME = timedelta(minutes=15)
SHORTEST_PASSWORD = 8
MOST_DOWNLOADS = 1_000_000


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link and its token, which is told this once: the database keeps only its SHA-256."""

    link: Link
    token: str


def create_link(
    document: Document,
    *,
    creator: User,
    actor: Actor,
    expires_in: timedelta | None = None,
    password: str = "",
    max_downloads: int | None = None,
) -> NewLink:
    """Share a document until ``expires_in`` from now by the database's clock (``VAULT_LINK_LIFETIME``, 24 h).

    Raises LinkRejected where a limit is not kept, naming it, and DocumentNotFound where it was deleted meanwhile.
    """
    lifetime = expires_in if expires_in is not None else vault_config().link_lifetime
    _check_limits(lifetime, password, max_downloads)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with transaction.atomic():
        # Locked: whoever deletes it meanwhile comes before the link, or after it, and the link then ends with it.
        if not Document.objects.select_for_update(of=("self",), no_key=True).filter(pk=document.pk).first():
            raise DocumentNotFound
        link = Link.objects.create(
            document=document,
            created_by=creator,
            token_sha256=_digest(token),
            password=make_password(password) if password else "",
            expires_at=database_now() + lifetime,
            max_downloads=max_downloads,
        )
        audit.record(
            "link.created", actor, document_id=document.pk, link_id=link.pk, seconds=int(lifetime.total_seconds())
        )
    return NewLink(link, token)


def find_link(token: str) -> Link:
    """Return the live link with this token. Raises LinkNotFound, or LinkGone where it has ended."""
    link = (
        Link.objects.select_related("document", "attachment", "created_by").filter(token_sha256=_digest(token)).first()
    )
    if link is None:
        raise LinkNotFound
    if link.document is None or not Link.objects.live().filter(pk=link.pk).exists():
        raise LinkGone
    return link


def check_link_password(link: Link, password: str, actor: Actor) -> None:
    """Return if the link has no password or this is it. Five wrong ones lock the link for 15 minutes.

    An attempt is counted before it is checked, so that parallel guesses cannot outrun the count.
    """
    if not link.password:
        return
    if not password:
        raise LinkPasswordRequired
    _count_attempt(link, actor)
    if not check_password(password, link.password):
        audit.record("link.password-wrong", actor, document_id=link.document_id, link_id=link.pk)
        raise LinkPasswordWrong
    Link.objects.filter(pk=link.pk).update(wrong_passwords=0, locked_until=None)


def open_linked(link: Link, actor: Actor, *, start: int, stop: int) -> Download:
    """Open what the link gives, then use the link once: a store that fails uses nothing up.

    Raises LinkGone where the link has ended, and as ``Download`` does.
    """
    attachment = linked_attachment(link)
    try:
        download = Download(attachment, actor, start=start, stop=stop)
    except DocumentNotFound as error:
        raise LinkGone from error
    try:
        claim_download(link, attachment, actor)
    except BaseException:
        download.close()
        raise
    return download


def claim_download(link: Link, attachment: Attachment, actor: Actor) -> None:
    """Count one use of the link, and audit it. Raises LinkGone where it has ended.

    One conditional UPDATE decides, so that a one-time link is one-time under any number of parallel requests.
    """
    with transaction.atomic():
        if not Link.objects.live().filter(pk=link.pk).update(downloads=F("downloads") + 1):
            raise LinkGone
        audit.record(
            "link.downloaded", actor, document_id=link.document_id, attachment_id=attachment.pk, link_id=link.pk
        )
    failpoint("link.claimed")


def linked_attachment(link: Link) -> Attachment:
    """Return the version the link is bound to, or the document's current one. Raises LinkGone without either."""
    if link.document is None:
        raise LinkGone
    try:
        return link.attachment or link.document.current_attachment()
    except DocumentNotFound as error:
        raise LinkGone from error


def revoke_link(link_id: UUID, *, creator: User, actor: Actor) -> Link:
    """End one's own link now. Revoking again changes nothing. Raises LinkNotFound where it is not this person's."""
    link = Link.objects.filter(pk=link_id, created_by=creator).first()
    if link is None:
        raise LinkNotFound
    end_link(link, actor)
    return link


def end_link(link: Link, actor: Actor) -> bool:
    """End a link now, whoever made it. Returns False where it had been revoked before."""
    with transaction.atomic():
        ended = Link.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=Now())
        if ended:
            audit.record("link.revoked", actor, document_id=link.document_id, link_id=link.pk)
    return bool(ended)


def _count_attempt(link: Link, actor: Actor) -> None:
    rows = Link.objects.filter(pk=link.pk)
    unlocked = Q(locked_until=None) | Q(locked_until__lte=Now())
    rows.filter(locked_until__lte=Now()).update(wrong_passwords=0, locked_until=None)
    if rows.filter(unlocked, wrong_passwords__lt=WRONG_PASSWORDS).update(wrong_passwords=F("wrong_passwords") + 1):
        return
    now = database_now()
    with transaction.atomic():
        locking = rows.filter(locked_until=None, wrong_passwords__gte=WRONG_PASSWORDS)
        if locking.update(locked_until=now + LOCK_TIME):
            audit.record("link.locked", actor, document_id=link.document_id, link_id=link.pk)
    until = rows.values_list("locked_until", flat=True).first()
    raise LinkLocked(until - now if until else LOCK_TIME)


def _check_limits(lifetime: timedelta, password: str, max_downloads: int | None) -> None:
    longest = vault_config().link_max_lifetime
    if not timedelta(seconds=1) <= lifetime <= longest:
        raise LinkRejected(
            f"A link lives between 1 second and {lifetime_in_words(longest)}, not {lifetime_in_words(lifetime)}."
        )
    if not password.isprintable():
        raise LinkRejected("The password of a link has letters, digits, signs and spaces alone.")
    if password and not SHORTEST_PASSWORD <= len(password) <= 1000:
        raise LinkRejected(f"The password of a link has {SHORTEST_PASSWORD} to 1000 characters.")
    if max_downloads is not None and not 1 <= max_downloads <= MOST_DOWNLOADS:
        raise LinkRejected(f"A link allows between 1 and {MOST_DOWNLOADS:,} downloads; {max_downloads:,} were asked.")


def lifetime_in_words(lifetime: timedelta) -> str:
    """Return "7 days", "24 hours", "90 minutes" or "61 seconds": the largest unit that says it without a rest."""
    seconds = int(lifetime.total_seconds())
    for unit, size, least in (("day", 86400, 2), ("hour", 3600, 1), ("minute", 60, 1)):
        if seconds % size == 0 and seconds // size >= least:
            return f"{seconds // size} {unit}{'s' if seconds // size != 1 else ''}"
    return f"{seconds} second{'s' if seconds != 1 else ''}"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
