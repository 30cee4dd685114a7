"""Peer of the upload: reads the body as the vault does and drops it. No Django, no rule, no byte kept."""

from collections.abc import Callable, Iterable
from typing import Any

from documents.http.bodies import READ_SIZE

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    left = int(environ.get("CONTENT_LENGTH") or 0)
    while left:
        left -= len(environ["wsgi.input"].read(min(READ_SIZE, left)))
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
