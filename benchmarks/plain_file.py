"""Peer of the range read: the bytes of a plain file that a Range asks for. No Django, no key, no database."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

StartResponse = Callable[[str, list[tuple[str, str]]], object]


def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    start, stop = environ["HTTP_RANGE"].removeprefix("bytes=").split("-")
    with Path(os.environ["BENCH_PLAIN_FILE"]).open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(int(start))
        body = file.read(int(stop) - int(start) + 1)
    headers = [("Content-Length", str(len(body))), ("Content-Range", f"bytes {start}-{stop}/{size}")]
    start_response("206 Partial Content", headers)
    return [body]
