"""A report of costs, for people and for programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from documents.services.costs import Estimate
from documents.services.holdings import Holdings
from documents.services.traffic import Traffic

# Of the JSON. It grows when a member changes its meaning or goes, not when one is added.
SCHEMA_VERSION = 1
_PARTS = ("storage", "put_requests", "get_requests", "retrieval", "transfer_out", "total")
_HEADS = ("storage", "writes", "reads", "retrieval", "transfer", "total")


@dataclass(frozen=True, slots=True)
class StoreReport:
    """``listed`` is what the store itself holds, where it was asked. Without a price table there are no estimates."""

    store: str
    rows: Holdings
    listed: Holdings | None
    traffic: Traffic
    estimates: Sequence[Estimate]

    @property
    def note(self) -> str:
        """Why there is no estimate, "" where there is one."""
        return "" if self.estimates else f"No price table is meant for the store {self.store!r}: name one by --table."


@dataclass(frozen=True, slots=True)
class CostReport:
    """``period`` is what the traffic was counted in; None where all of it was given."""

    made_at: datetime
    period: timedelta | None
    stores: Sequence[StoreReport]

    @property
    def notice(self) -> str:
        """How old the prices are: one sentence for people."""
        dates = sorted({estimate.table.noted_on for store in self.stores for estimate in store.estimates})
        noted = " to ".join(str(date) for date in dict.fromkeys((dates[0], dates[-1]))) if dates else "no date"
        return f"The prices are examples, noted {noted}. Check them on the vendor's page, or give your own by --prices."


def as_json(report: CostReport) -> dict[str, Any]:
    """Return the members of the report. Amounts of money are strings, rounded to 0.01; sizes are bytes."""
    return {
        "schema_version": SCHEMA_VERSION,
        "made_at": report.made_at.isoformat(),
        "notice": report.notice,
        "counted_days": None if report.period is None else str(_rounded(_days(report.period))),
        "stores": [_store_as_json(store) for store in report.stores],
    }


def as_text(report: CostReport) -> str:
    """Return the report for a terminal, without a line end at its end."""
    lines: list[str] = []
    for store in report.stores:
        lines += [*_heading(store), *(_table(store.estimates) or [store.note]), ""]
    if report.period is not None:
        lines.append(f"Requests and transfer: counted over {_period(report.period)} and scaled to a month.")
    lines += [f"Source of {name}: {source}." for name, source in _sources(report).items()]
    return "\n".join([*lines, report.notice])


def _heading(store: StoreReport) -> list[str]:
    lines = [f"{store.store}: {_counted(store.rows.objects)}, {store.rows.size:,} bytes by the rows"]
    if store.listed is not None:
        objects, size = _beyond(store.rows, store.listed)
        lines.append(
            f"{store.store}: {_counted(store.listed.objects)}, {store.listed.size:,} bytes by its listing; "
            f"{objects:+,} objects, {size:+,} bytes beyond the rows"
        )
    traffic = store.traffic
    lines.append(
        f"{_whole(traffic.put_requests):,} writing and {_whole(traffic.get_requests):,} reading requests, "
        f"{_whole(traffic.transfer_out):,} bytes out in a month"
    )
    return lines


def _table(estimates: Sequence[Estimate]) -> list[str]:
    if not estimates:
        return []
    rows = [["table", "currency", *_HEADS]]
    for estimate in estimates:
        amounts = (f"{_rounded(getattr(estimate, part)):,}" for part in _PARTS)
        rows.append([estimate.table.name, estimate.table.currency, *amounts])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]


def _sources(report: CostReport) -> dict[str, str]:
    tables = (estimate.table for store in report.stores for estimate in store.estimates)
    return {table.name: f"{table.source}, {table.noted_on}" for table in tables}


def _store_as_json(store: StoreReport) -> dict[str, Any]:
    traffic = store.traffic
    return {
        "store": store.store,
        "rows": {"objects": store.rows.objects, "bytes": store.rows.size},
        "listing": None if store.listed is None else _listing_as_json(store.rows, store.listed),
        "month": {
            "put_requests": _whole(traffic.put_requests),
            "get_requests": _whole(traffic.get_requests),
            "transfer_out_bytes": _whole(traffic.transfer_out),
        },
        "note": store.note,
        "estimates": [_estimate_as_json(estimate) for estimate in store.estimates],
    }


def _listing_as_json(rows: Holdings, listed: Holdings) -> dict[str, int]:
    objects, size = _beyond(rows, listed)
    return {
        "objects": listed.objects, "bytes": listed.size, "objects_beyond_rows": objects, "bytes_beyond_rows": size,
    }  # fmt: skip


def _estimate_as_json(estimate: Estimate) -> dict[str, str]:
    table = estimate.table
    about = {"table": table.name, "title": table.title, "currency": table.currency, "date": table.noted_on.isoformat()}
    return {**about, "source": table.source, **{part: str(_rounded(getattr(estimate, part))) for part in _PARTS}}


def _beyond(rows: Holdings, listed: Holdings) -> tuple[int, int]:
    return listed.objects - rows.objects, listed.size - rows.size


def _counted(objects: int) -> str:
    return f"{objects:,} object{'' if objects == 1 else 's'}"


def _period(period: timedelta) -> str:
    days = f"{_days(period):.1f}".removesuffix(".0")
    return f"{days} day{'' if days == '1' else 's'}"


def _days(period: timedelta) -> Decimal:
    return Decimal(period // timedelta(seconds=1)) / 86_400


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _whole(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_HALF_UP))
