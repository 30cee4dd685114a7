"""API tokens: made once, kept as a hash, checked on every request."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from documents.models import ApiToken
from documents.models.clock import database_now
from documents.services import audit
from documents.services.actors import Actor

# What a token may do. "write" does not imply "read": an inbox may upload and never see.
SCOPES = ("read", "write", "share")
TOKEN_PREFIX = "vlt_"  # noqa: S105  # public; lets secret scanners recognise a leaked token
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token's row and its text, which is told this once."""

    row: ApiToken
    token: str


def create_token(
    user: User, *, actor: Actor, name: str = "", scopes: tuple[str, ...] = SCOPES, expires_in: timedelta | None = None
) -> NewToken:
    """Make a token with 256 random bits. ``expires_in`` None means until it is revoked."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        row = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=token[:12],
            token_sha256=_digest(token),
            scopes=list(scopes),
            expires_at=database_now() + expires_in if expires_in else None,
        )
        audit.record("token.created", actor, token=row.prefix)
    return NewToken(row, token)


def find_token(token: str) -> ApiToken | None:
    """Return the live token of an active user, or None: unknown, expired, revoked and disabled look alike."""
    alive = Q(expires_at=None) | Q(expires_at__gt=Now())
    row = (
        ApiToken.objects.filter(alive, token_sha256=_digest(token), revoked_at=None, user__is_active=True)
        .select_related("user")
        .first()
    )
    if row and (row.last_used_at is None or row.last_used_at < timezone.now() - _SEEN_EVERY):
        # Once a minute at most: an UPDATE waits for the database's writer, even where it changes nothing.
        ApiToken.objects.filter(pk=row.pk).update(last_used_at=Now())
    return row


def end_token(token: ApiToken, actor: Actor) -> bool:
    """End a token now. Returns False where it had ended before."""
    with transaction.atomic():
        ended = ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=Now())
        if ended:
            audit.record("token.revoked", actor, token=token.prefix)
    return bool(ended)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
