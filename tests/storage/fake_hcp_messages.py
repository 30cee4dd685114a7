"""Requests to the fake HCP and its answers."""

from dataclasses import dataclass, field
from xml.sax.saxutils import escape


@dataclass(frozen=True, slots=True)
class Request:
    """``path`` is decoded, ``raw_path`` as it was sent; names of headers are in small letters."""

    method: str
    path: str
    raw_path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """``cut_at`` ends the connection after so many bytes of the body; a silent one is none, a lost one even sooner."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    is_silent: bool = False
    is_lost: bool = False


class Refused(Exception):
    """An error of the S3 compatible API, on its way to become an answer."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.answer = xml(f"<Error><Code>{code}</Code><Message>{escape(message or code)}</Message></Error>", status)


def xml(text: str, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    whole = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}'.encode()
    return Answer(status, whole, {"Content-Type": "application/xml", **(headers or {})})
