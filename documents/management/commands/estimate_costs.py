"""``estimate_costs``: what the stored objects cost in a month, by real counts and a table of prices."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.conf import AzureConfig, GcsConfig, HcpConfig, S3Config
from documents.conf.storage_file import LocalConfig
from documents.errors import ConfigurationError, StorageError
from documents.management.arguments import USAGE, chosen_store, report_to
from documents.management.database import database_told
from documents.models.clock import database_now
from documents.services.cost_report import CostReport, StoreReport, as_json, as_text
from documents.services.costs import default_table, estimate
from documents.services.holdings import Holdings, holdings_by_listing, holdings_by_rows, places_of
from documents.services.price_tables import EXAMPLES, PriceTable, load_price_tables
from documents.services.traffic import Observed, Traffic, traffic_by_audit
from documents.storage.multipart import DEFAULT_PART_SIZE
from documents.wiring import configured_providers, storage_manager, store_itself, vault_config

KINDS = {LocalConfig: "local", S3Config: "s3", HcpConfig: "hcp", GcsConfig: "gcs", AzureConfig: "azure"}
PART_SIZE = "of uploads in parts, each of which is a request (default: %(default)s)"
GIVEN = ("put_requests", "get_requests", "transfer_out")


class Command(BaseCommand):
    """Exit status 1 where a store that was to be listed does not answer, 2 for a wrong call or a wrong price file."""

    help = (
        "Estimate what each configured store costs in a month: objects and bytes by the rows of the database, or by "
        "the store itself, requests and transfer by the audit log of the last 30 days. Results on stdout."
    )
    requires_system_checks: list[str] = []  # no key is needed

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--store", metavar="ALIAS", default=None, help="this store alone: local, s3 …")
        parser.add_argument("--scan", action="store_true", help="list the stores too, and show what no row names")
        parser.add_argument("--prices", type=Path, metavar="FILE", default=EXAMPLES, help="a price file of your own")
        parser.add_argument("--table", metavar="NAME", default=None, help="of the price file; default: by the store")
        parser.add_argument("--compare", action="store_true", help="with every table of the price file")
        for name in GIVEN:
            unit = "bytes" if name == "transfer_out" else "requests"
            parser.add_argument(f"--{name.replace('_', '-')}", type=_number, metavar="N", help=f"{unit} in a month")
        parser.add_argument("--part-size", type=_number, metavar="BYTES", default=DEFAULT_PART_SIZE, help=PART_SIZE)
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument("--output", type=Path, metavar="FILE", default=None, help="write there, not to stdout")

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        with report_to(options["output"], self.stdout) as write:
            try:
                report = _report(options)
            except ConfigurationError as error:
                raise CommandError(str(error), returncode=USAGE) from error
            except StorageError as error:
                raise CommandError(str(error), returncode=1) from error
            text = json.dumps(as_json(report), indent=2) if options["format"] == "json" else as_text(report)
            write(f"{text}\n")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ArgumentTypeError("a whole number, 0 or more")
    return int(text)


def _report(options: dict[str, Any]) -> CostReport:
    tables = load_price_tables(options["prices"])
    given = {name: Decimal(options[name]) for name in GIVEN if options[name] is not None}
    if not options["part_size"]:
        raise ConfigurationError("--part-size is 0. A part has at least one byte.")
    sizes = [table.smallest for table in tables.values()]
    rows = holdings_by_rows(sizes)
    stores = _stores(options["store"], rows)
    if given and len(stores) > 1:
        raise ConfigurationError(f"These figures are of one store. Name it by --store: {', '.join(stores)}.")
    observed = _observed(options["part_size"]) if len(given) < len(GIVEN) else None
    reports = []
    for store in stores:
        held = rows.get(store, Holdings())
        listed = holdings_by_listing(store_itself(store), sizes) if options["scan"] else None
        traffic = replace(observed.by_store.get(store, Traffic()) if observed else Traffic(), **given)
        estimates = [estimate(listed or held, traffic, table) for table in _chosen(tables, store, options)]
        estimates.sort(key=lambda found: found.total)
        reports.append(StoreReport(store, held, listed, traffic, estimates))
    return CostReport(database_now(), observed.period if observed else None, reports)


def _stores(wanted: str | None, rows: dict[str, Holdings]) -> list[str]:
    """Those that are configured, and those that rows name although they are not. A failover is its members."""
    known = sorted({provider.name for provider in configured_providers()} | set(rows))
    if wanted is None:
        return known
    if (members := places_of(wanted)) != (wanted,):
        return list(members)
    return [chosen_store(wanted, known)]


def _observed(part_size: int) -> Observed:
    return traffic_by_audit(
        new_documents_go_to=storage_manager().policy().store,
        payloads_go_to=vault_config().storage_type,
        part_size=part_size,
    )


def _chosen(tables: dict[str, PriceTable], store: str, options: dict[str, Any]) -> Sequence[PriceTable]:
    if options["compare"]:
        return list(tables.values())
    name = options["table"]
    if name is None:
        table = default_table(tables.values(), _kind_of(store))
        return [] if table is None else [table]
    if name not in tables:
        raise ConfigurationError(f"{options['prices']} has no table {name!r}. It has: {', '.join(tables)}.")
    return [tables[name]]


def _kind_of(store: str) -> str:
    """The kind of store that a name stands for: those of the storage file have names of their own."""
    config = vault_config().store(store)
    return next((kind for configured, kind in KINDS.items() if isinstance(config, configured)), store)
