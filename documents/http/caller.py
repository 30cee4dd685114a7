"""Who makes a request, as the audit log and the rate limits shall see it."""

import ipaddress

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

from documents.services.actors import Actor


def client_ip(request: HttpRequest) -> str | None:
    """Return the client's address. ``X-Forwarded-For`` counts only behind a proxy of ours, and then its last entry.

    That entry is the one our own proxy wrote; what stands before it anyone can write.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY and (forwarded := request.headers.get("X-Forwarded-For")):
        address = forwarded.rsplit(",", 1)[-1].strip()
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:  # a Unix socket has none
        return None


def request_id() -> str:
    """Return the id under which the log keeps the request in progress, or ""."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def actor_of(request: HttpRequest, via: str) -> Actor:
    """Return the Actor of this request; ``via`` is the face it came through."""
    user = request.user if isinstance(request.user, User) else None
    return Actor(user, via, client_ip(request), request_id())
