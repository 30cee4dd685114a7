"""What the API takes and gives. Sizes are bytes, times UTC, ``sha256`` is that of the plaintext in hex."""

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema
from pydantic import BaseModel, ConfigDict


class DocumentOut(Schema):
    """A document, with the facts of its newest version."""

    id: UUID
    title: str
    filename: str
    size: int
    sha256: str | None = Field(
        description=(
            "of the plaintext; null on a server that can open nothing, and while it is read in place. In a list it may "
            "be null as well where a key service holds the private keys: GET /documents/{id} tells it"
        )
    )
    content_type: str
    created_at: datetime
    version: int


class DocumentDetail(DocumentOut):
    """A document with what its owner noted beside it."""

    attributes: dict[str, Any] | None = Field(
        description="as they were set; null where they cannot be read now: one is damaged, its store does not answer, "
        "or the server holds no private key"
    )


class DocumentChanges(BaseModel):
    """What is left out stays as it is. Unknown members are refused: a misspelt one would change nothing."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(None, max_length=1000, description="empty: the file's name without its ending")
    attributes: dict[str, Any] | None = Field(
        None, description="replaces all of them; up to 100, of any JSON value, 256 KiB in all, 10 levels deep"
    )


class DocumentPage(Schema):
    """Documents, newest first."""

    items: list[DocumentOut]
    next_cursor: str | None = Field(description="pass it as ?cursor= for the next page; null on the last")


class LinkIn(BaseModel):
    """Unknown members are refused: a misspelt limit would be no limit."""

    model_config = ConfigDict(extra="forbid")

    expires_in: int | None = Field(
        None, ge=1, le=10 * 365 * 86400, description="seconds; 24 hours unless the vault says otherwise"
    )
    password: str | None = Field(None, max_length=1000)
    max_downloads: int | None = Field(None, ge=1, le=1_000_000)


class LinkOut(Schema):
    """A link just made. ``url`` gives access and is told this once."""

    id: UUID
    url: str
    expires_at: datetime


class LinkFacts(Schema):
    """A link that still gives access, without its URL. ``max_downloads`` is null where there is no limit."""

    id: UUID
    created_at: datetime
    expires_at: datetime
    has_password: bool
    downloads: int = Field(description="how often it was used")
    max_downloads: int | None


class LinkPage(Schema):
    """Links, newest first."""

    items: list[LinkFacts]
    next_cursor: str | None = Field(description="pass it as ?cursor= for the next page; null on the last")


class Problem(Schema):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
