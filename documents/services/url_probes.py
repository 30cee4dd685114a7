"""What ``probing`` asks a store about the URLs it signs, and about browsers that would use them."""

import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.client import HTTPException

from documents.services.object_probes import LARGEST_SKEW, Lacking, ProbeFailed
from documents.storage.base import StorageProvider
from documents.storage.capabilities import Presigning

_SHORTEST = timedelta(seconds=1)
# A store counts in whole seconds, and may look at its clock a moment before it refuses.
_SLACK = timedelta(seconds=3)
_PAUSE_SECONDS = 0.2
_TIMEOUT_SECONDS = 30
# What pages of the vault would send: the headers of a signed put (capabilities.Presigning) and of a range.
_REQUESTS = (("PUT", "content-type,if-none-match"), ("GET", "range"))


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Message
    body: bytes = b""


def signed(provider: StorageProvider, place: str) -> str:
    """Fetch by a signed URL, and again by one until it is refused."""
    if not isinstance(provider, Presigning):
        raise Lacking("no signed URLs")
    key = f"{place}/0"
    provider.put_bytes(key, b"signed")
    answer = _fetch(provider.presign_get(key, expires=timedelta(minutes=1)))
    if (answer.status, answer.body) != (200, b"signed"):
        raise ProbeFailed("A signed URL does not give the object", "Clients must reach the endpoint under its own name")
    behind = datetime.now(UTC) - provider.head(key).modified_at
    url = provider.presign_get(key, expires=_SHORTEST)
    # By the clock of the store the URL lives longer where that one is behind.
    until = time.monotonic() + (_SHORTEST + _SLACK + min(max(behind, timedelta()), LARGEST_SKEW)).total_seconds()
    while _fetch(url).status < 400:
        if time.monotonic() > until:
            raise ProbeFailed(
                "A signed URL works after its expiry", "This store does not enforce expiry: share by links only"
            )
        time.sleep(_PAUSE_SECONDS)
    return "it gives the object, and expires"


def cross_origin(provider: StorageProvider, place: str, *, origins: Sequence[str]) -> str:
    """Ask, as a browser does (Fetch standard, "CORS-preflight request"), whether pages of ``origins`` may."""
    if not isinstance(provider, Presigning):
        raise Lacking("no signed URLs that a browser could use")
    url = provider.presign_put(f"{place}/0", expires=timedelta(minutes=1))
    for origin in origins:
        for method, headers in _REQUESTS:
            if not _is_allowed(url, origin, method, headers):
                raise Lacking(
                    f"pages of {origin} may not {method} objects of this bucket",
                    "Nothing needs it until browsers talk to the store themselves: `manage.py s3_policy cors` prints "
                    "what the bucket then needs",
                )
    return f"pages of {', '.join(origins)} may use signed URLs" if origins else "no page was asked for"


def _is_allowed(url: str, origin: str, method: str, headers: str) -> bool:
    # An entry for all the hosts below a name stands for any of them.
    asking = origin.replace("*", "vault")
    answer = _fetch(
        url,
        method="OPTIONS",
        headers={
            "Origin": asking,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )
    allowed = _listed(answer.headers, "Access-Control-Allow-Headers")
    return (
        answer.status < 300
        and answer.headers.get("Access-Control-Allow-Origin", "") in (asking, "*")
        and method.lower() in _listed(answer.headers, "Access-Control-Allow-Methods")
        and ("*" in allowed or set(headers.split(",")) <= allowed)
    )


def _listed(headers: Message, name: str) -> set[str]:
    return {entry.strip().lower() for entry in headers.get(name, "").split(",")}


def _fetch(url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> _Answer:
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}))  # noqa: S310  # signed by the provider itself
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310  # as above
            return _Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _Answer(error.code, error.headers)
    except (OSError, HTTPException) as error:
        raise ProbeFailed("A signed URL cannot be fetched", "Is the endpoint reachable from here?") from error
