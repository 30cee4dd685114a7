"""What stores charge, out of a file: ``documents/prices.toml``, whose head says what each key means, or one's own."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from documents.errors import ConfigurationError

EXAMPLES = Path(__file__).parents[1] / "prices.toml"


@dataclass(frozen=True, slots=True)
class Tier:
    """The price of each GB up to so many; None is without a limit."""

    up_to: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The prices of one store, class and region; ``name`` is that of its table, the rest is as the file's head says."""

    name: str
    title: str
    noted_on: date
    currency: str
    source: str
    stores: tuple[str, ...]
    gigabyte: int
    storage: tuple[Tier, ...]
    put_requests: Decimal
    get_requests: Decimal
    retrieval: Decimal
    transfer_out: tuple[Tier, ...]
    smallest: int


def load_price_tables(file: Path) -> dict[str, PriceTable]:
    """Return the tables by name, in the file's order. Raises ConfigurationError naming file, table and key."""
    try:
        found = tomllib.loads(file.read_text(), parse_float=Decimal)
    except OSError as error:
        raise ConfigurationError(f"The price file {file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, InvalidOperation) as error:
        raise ConfigurationError(f"The price file {file} is no TOML: {error}.") from error
    if not found:
        raise ConfigurationError(f"The price file {file} holds no table.")
    return {name: _table(file, name, values) for name, values in found.items()}


def _table(file: Path, name: str, values: Any) -> PriceTable:
    if not isinstance(values, dict):
        raise ConfigurationError(f"{file}: {name!r} stands outside a table. Begin each with [name].")
    entry = _Entry(file, name, values)
    return PriceTable(
        name=name,
        title=entry.of("title", str),
        noted_on=entry.of("date", date),
        currency=entry.of("currency", str),
        source=entry.of("source", str),
        stores=entry.texts("stores"),
        gigabyte=entry.count("gigabyte", least=1),
        storage=entry.tiers("storage"),
        put_requests=entry.price("put_requests"),
        get_requests=entry.price("get_requests"),
        retrieval=entry.price("retrieval"),
        transfer_out=entry.tiers("transfer_out"),
        smallest=entry.count("smallest", least=0),
    )


class _Entry:
    """One table, read key by key; each complaint names file, table and key."""

    def __init__(self, file: Path, name: str, values: Mapping[str, Any]) -> None:
        self._where, self._values = f"{file}, table {name!r}", values
        known = {field.name for field in fields(PriceTable)} - {"name", "noted_on"} | {"date"}
        if unknown := next(iter(sorted(values.keys() - known)), None):
            raise self._wrong(unknown, f"There is no such key. There are: {', '.join(sorted(known))}")

    def of(self, key: str, kind: type[Any]) -> Any:
        value = self._value(key)
        if not isinstance(value, kind) or isinstance(value, datetime) or value == "":
            raise self._wrong(key, "Write a date, 2025-06-01" if kind is date else "Write a text in quotes")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._value(key)
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise self._wrong(key, 'Write a list of texts, ["s3"]')
        return tuple(value)

    def count(self, key: str, *, least: int) -> int:
        """Return a whole number of ``least`` or more. Raises ConfigurationError naming the table and the key."""
        value = self._value(key)
        if type(value) is not int or value < least:
            raise self._wrong(key, f"Write a whole number of bytes, {least} or more")
        return value

    def price(self, key: str) -> Decimal:
        """Return an amount of money, 0 or more. Raises ConfigurationError as ``count`` does."""
        return self._number(key, self._value(key))

    def tiers(self, key: str) -> tuple[Tier, ...]:
        """Return tiers with rising limits, the last without one. Raises ConfigurationError as ``count`` does."""
        value = self._value(key)
        if not isinstance(value, list) or not value or not all(isinstance(tier, dict) for tier in value):
            raise self._wrong(key, "Write a list of tiers, [{ up_to = 100, price = 0.02 }, { price = 0.01 }]")
        tiers = [self._tier(key, tier) for tier in value]
        limits = [tier.up_to for tier in tiers[:-1]]
        rising = [limit for limit in limits if limit is not None]
        if tiers[-1].up_to is not None or len(rising) < len(limits) or rising != sorted(set(rising)):
            raise self._wrong(key, "The limits must rise, and the last tier have none")
        return tuple(tiers)

    def _tier(self, key: str, tier: Mapping[str, Any]) -> Tier:
        if not {"price"} <= tier.keys() <= {"price", "up_to"}:
            raise self._wrong(key, "A tier has a price and, but for the last, up_to")
        up_to = self._number(key, tier["up_to"]) if "up_to" in tier else None
        return Tier(up_to, self._number(key, tier["price"]))

    def _number(self, key: str, value: Any) -> Decimal:
        if type(value) not in (int, Decimal) or not Decimal(value).is_finite() or value < 0:
            raise self._wrong(key, "Write a number, 0 or more")
        return Decimal(value)

    def _value(self, key: str) -> Any:
        if key not in self._values:
            raise self._wrong(key, "It is missing")
        return self._values[key]

    def _wrong(self, key: str, complaint: str) -> ConfigurationError:
        return ConfigurationError(f"{self._where}, key {key!r}: {complaint}.")
