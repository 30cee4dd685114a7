"""``recover``: documents back as files, or the database back, from the stored objects and a private key."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError, EncryptionError, RebuildRefused, StorageError
from documents.management.arguments import USAGE, chosen_store, few, report_to
from documents.management.asking import demand_typed
from documents.management.database import database_told
from documents.management.stopping import INTERRUPTED, told_politely
from documents.recovery import recover
from documents.services.actors import Actor
from documents.services.rebuild_report import RebuildReport
from documents.services.rebuilding import Rebuilding
from documents.services.recovery_keys import opening_ring, reading_keys
from documents.services.recovery_source import source_of
from documents.storage.base import StorageProvider
from documents.wiring import configured_providers

OPERATOR = Actor(user=None, via="command")
# Of the JSON of a rebuild; the manifest of recovered files has its own.
SCHEMA_VERSION = 1
INCOMPLETE = "Not everything could be opened. The report says what, and why."
WARNING = (
    "This database becomes the newest of its vault: what it does not name is cleared away from now on. Stop the web "
    "servers and workers first."
)


class Command(BaseCommand):
    """Exit status 0, 1 where something could not be opened, 2 for a wrong call, 3 stopped early, 130 interrupted."""

    help = (
        "Open every object of the configured stores with the vault's private keys, or with an offline key (--key), and "
        "write the documents into a directory (--to), list them (--list), or make the rows of a lost database again "
        "(--rebuild-database) or those that an older one lacks (--add-missing). The stores are only read."
    )
    requires_system_checks: list[str] = []  # keys may be missing, and a private recovery key is allowed here

    def add_arguments(self, parser: ArgumentParser) -> None:
        recover.add_common_arguments(parser)
        parser.add_argument("--store", metavar="ALIAS", help="only this store: local, s3 …")
        database = parser.add_mutually_exclusive_group()
        database.add_argument("--rebuild-database", action="store_true", help="fill an empty, migrated database")
        database.add_argument("--add-missing", action="store_true", help="add what a restored database does not know")
        parser.add_argument(
            "--vault-id", type=UUID, metavar="UUID", help="of several vaults in the stores, rebuild this"
        )
        parser.add_argument(
            "--accept-damaged",
            action="store_true",
            help="accept the database as the newest although damaged objects get no row: they will go to the trash",
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="write the result there instead of to stdout")
        parser.add_argument("--no-input", action="store_true", help="ask for no confirmation")

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        given = Namespace(**options)
        _check(given)
        try:
            with told_politely(), report_to(given.output, self.stdout) as write:
                missing = self._rebuild(given, write) if _wants_database(given) else self._recover(given, write)
        except recover.Stopped as error:
            raise CommandError(recover.printable(str(error)), returncode=error.status) from error
        except RebuildRefused as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except (ConfigurationError, EncryptionError) as error:
            raise CommandError(str(error), returncode=USAGE) from error
        except StorageError as error:
            raise CommandError(f"{error}. Run the same again when that is mended.", returncode=3) from error
        except KeyboardInterrupt as error:
            raise CommandError("Interrupted. Run the same again: it goes on.", returncode=INTERRUPTED) from error
        if missing:
            raise CommandError(missing, returncode=1)

    def _recover(self, given: Namespace, write: Callable[[str], object]) -> str:
        """Each store into a directory of its own, where there are several. Returns what is amiss, or ""."""
        brought = recover.keys_from(given, recover.ask_at_terminal)
        keys = reading_keys(list(brought.keks.values()), brought)
        if not keys.keks:
            raise recover.WrongUsage("There is no private key here. Bring one with --key.")
        stores = _stores(given.store)
        statuses = []
        for provider in stores:
            destination = given.to / provider.name if given.to and len(stores) > 1 else given.to
            options = recover.Options(
                source_of(provider), keys, destination, frozenset(given.only), given.workers or 4, recover.Teller()
            )
            if len(stores) > 1 and given.format == "text":
                write(f"{provider.name}:\n")
            statuses.append(recover.run(options, given.format, write))
        return INCOMPLETE if any(statuses) else ""

    def _rebuild(self, given: Namespace, write: Callable[[str], object]) -> str:
        """Returns what is amiss, or ""."""
        if given.add_missing and not given.no_input:
            demand_typed("add", f"{WARNING} Type 'add' to go on:", self.stderr)
        ring = opening_ring(given.key, recover.passphrases_from(given))
        teller = recover.Teller()
        rebuilding = Rebuilding(
            _stores(given.store),
            ring,
            OPERATOR,
            given.workers or 4,
            lambda count: teller("looked at", count, 0, 0),
            accept_damaged=given.accept_damaged,
        )
        report = rebuilding.add_missing() if given.add_missing else rebuilding.rebuild(given.vault_id)
        write(_as_json(report) if given.format == "json" else _as_text(report))
        if report.withheld:
            return f"The database was not accepted as the newest. {report.withheld}"
        return INCOMPLETE if report.counts["failed"] else ""


def _wants_database(given: Namespace) -> bool:
    return bool(given.rebuild_database or given.add_missing)


def _check(given: Namespace) -> None:
    if _wants_database(given):
        if given.to or given.list or given.only or given.origin_key or given.format == "csv":
            raise CommandError(
                "A database is rebuilt of everything: leave out --to, --list, --only, --origin-key and --format csv.",
                returncode=USAGE,
            )
    elif given.vault_id:
        raise CommandError("--vault-id goes with --rebuild-database.", returncode=USAGE)
    elif given.accept_damaged:
        raise CommandError("--accept-damaged goes with --rebuild-database and --add-missing.", returncode=USAGE)
    elif (given.to is None) != given.list:
        raise CommandError(
            "Say what for: --to DIR, --list, --rebuild-database or --add-missing; one of them.", returncode=USAGE
        )
    if given.store is not None:
        chosen_store(given.store, [provider.name for provider in configured_providers()])
    if given.workers:
        few(str(given.workers))


def _stores(name: str | None) -> list[StorageProvider]:
    return [provider for provider in configured_providers() if name in (None, provider.name)]


def _as_text(report: RebuildReport) -> str:
    lines = [f"Vault {report.vault_id}"]
    lines += [f"{count:>10,}  {what}" for what, count in sorted(report.counts.items())]
    lines += [f"not opened: {one.storage_type}: {one.key}: {one.answer}: {one.detail}" for one in report.failures]
    lines += _notes_of(report)
    return "".join(f"{recover.printable(line)}\n" for line in lines)


def _as_json(report: RebuildReport) -> str:
    told = {
        "schema_version": SCHEMA_VERSION,
        "vault_id": str(report.vault_id),
        "counts": report.counts,
        "failures": [one._asdict() for one in report.failures],
        "accepted": not report.withheld,
        "notes": _notes_of(report),
    }
    return f"{json.dumps(told, indent=2)}\n"


def _notes_of(report: RebuildReport) -> list[str]:
    return [*report.notes, *([f"Not accepted as the newest: {report.withheld}"] if report.withheld else [])]
