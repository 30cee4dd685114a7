"""Keyset paging: a page costs the same at row 900,000 as at row 1."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from documents.errors import CursorInvalid

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page, newest first. ``next_cursor`` is empty on the last one."""

    rows: list[Row]
    next_cursor: str


def page_of(rows: QuerySet[Row], *, cursor: str = "", size: int = 50) -> Page[Row]:
    """Return at most ``size`` rows older than the cursor's. ``rows`` has ``created_at`` and a UUID ``id``.

    A cursor names a row's place, not a number of rows, so that what is added or deleted meanwhile shifts nothing.
    Raises CursorInvalid for one that no page of ours gave.
    """
    if cursor:
        at, row_id = _parse(cursor)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=row_id), created_at__lte=at)
    found = list(rows.order_by("-created_at", "-id")[: size + 1])
    return Page(found[:size], _cursor(found[size - 1]) if len(found) > size else "")


def _cursor(row: Row) -> str:
    place = [row.created_at.isoformat(), row.pk.hex]  # type: ignore[attr-defined]  # see page_of: what rows have
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def _parse(cursor: str) -> tuple[datetime, UUID]:
    try:
        at, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError("a cursor's time has a zone")
        return moment.astimezone(UTC), UUID(row_id)
    except (ValueError, OverflowError, TypeError, AttributeError, binascii.Error, RecursionError) as error:
        raise CursorInvalid from error
