"""Who makes a request, as the audit log and the rate limits shall see it."""

import ipaddress

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest

from documents.services.actors import Actor

_IPV6_PREFIX = 64  # RFC 6177: the smallest that a site is given


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


def client_network(request: HttpRequest) -> str | None:
    """Return what limits count by: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets."""
    address = client_ip(request)
    if address is None or ":" not in address:
        return address
    network = ipaddress.ip_network((address, _IPV6_PREFIX), strict=False)
    return str(network.network_address)


def request_id() -> str:
    """Return the id under which the log keeps the request in progress, or ""."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


def actor_of(request: HttpRequest, via: str) -> Actor:
    """Return the Actor of this request; ``via`` is the face it came through."""
    user = request.user if isinstance(request.user, User) else None
    return Actor(user, via, client_ip(request), request_id())
