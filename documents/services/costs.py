"""What the stored objects cost in a month, by a price table. An estimate: the bill is the vendor's."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from documents.services.holdings import Holdings
from documents.services.price_tables import PriceTable, Tier
from documents.services.traffic import Traffic

# Prices of requests are for so many.
_REQUESTS = 1_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Amounts in the table's currency, not rounded."""

    table: PriceTable
    storage: Decimal
    put_requests: Decimal
    get_requests: Decimal
    retrieval: Decimal
    transfer_out: Decimal

    @property
    def total(self) -> Decimal:
        return self.storage + self.put_requests + self.get_requests + self.retrieval + self.transfer_out


def estimate(holdings: Holdings, traffic: Traffic, table: PriceTable) -> Estimate:
    """Return what a store of this table would charge for a month of the same holdings and traffic."""
    gigabyte = Decimal(table.gigabyte)
    read = traffic.transfer_out / gigabyte
    return Estimate(
        table,
        storage=tiered(table.storage, holdings.billed_size(table.smallest) / gigabyte),
        put_requests=table.put_requests * traffic.put_requests / _REQUESTS,
        get_requests=table.get_requests * traffic.get_requests / _REQUESTS,
        retrieval=table.retrieval * read,
        transfer_out=tiered(table.transfer_out, read),
    )


def tiered(tiers: Iterable[Tier], amount: Decimal) -> Decimal:
    """Return the price of ``amount`` GB: each tier is for what lies above the one before and below its own limit."""
    cost = charged = Decimal()
    for tier in tiers:
        upper = amount if tier.up_to is None else min(amount, tier.up_to)
        cost += max(upper - charged, Decimal()) * tier.price
        charged = max(charged, upper)
    return cost


def default_table(tables: Iterable[PriceTable], kind: str) -> PriceTable | None:
    """Return the first table that is meant for this kind of store, or None."""
    return next((table for table in tables if kind in table.stores), None)
