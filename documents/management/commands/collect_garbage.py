"""``collect_garbage``: sweep, look for objects that no row needs, and say what was found."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import CollectionRefused, ConfigurationError, StorageError
from documents.management.arguments import USAGE, chosen_store, report_to
from documents.management.asking import demand_typed
from documents.management.database import database_told
from documents.services import deletion, payload_sweeping, staging, unfinished
from documents.services.actors import Actor
from documents.services.collection import Wish, collect
from documents.services.collection_report import StoreReport, as_json, as_text
from documents.services.epochs import accept_database
from documents.services.restoring import EVERYTHING, restore_objects
from documents.wiring import configured_providers

OPERATOR = Actor(user=None, via="command")


class Command(BaseCommand):
    """Exit status 0 where all is well, 1 where some store failed, 2 for a wrong call."""

    help = (
        "Clear up: uploads that died or expired, unfinished writes, objects of deleted documents, payloads that nobody "
        "holds, and then objects that no row needs. Those move to the trash after two looks a day apart, and are "
        "deleted from there a week later."
    )
    requires_system_checks: list[str] = []  # no key is needed, and a store that is down is reported

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="look and report; change nothing")
        parser.add_argument("--format", choices=("text", "json"), default="text")
        parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there instead of to stdout")
        parser.add_argument("--store", metavar="ALIAS", help="only this store: local, s3 …")
        parser.add_argument("--max-scanned", type=int, metavar="COUNT", help="objects; default: the configuration's")
        parser.add_argument("--max-deleted", type=int, metavar="COUNT", help="objects; default: the configuration's")
        parser.add_argument("--no-input", action="store_true", help="ask for no confirmation")
        special = parser.add_mutually_exclusive_group()
        special.add_argument("--restore", metavar="KEY", help=f"move an object back from the trash, or {EVERYTHING!r}")
        special.add_argument(
            "--purge-unknown", action="store_true", help="delete also what this database never heard of, after its time"
        )
        special.add_argument(
            "--accept-older-database", action="store_true", help="this database is the right one; go on from here"
        )

    @database_told()
    def handle(self, *_args: Any, **options: Any) -> None:
        _check(options)
        if options["purge_unknown"] and not options["dry_run"]:
            self._confirm("purge", "Objects that may belong to a newer database are deleted for good.", options)
        if options["accept_older_database"]:
            self._confirm("accept", "Documents that only a newer database knows will go to the trash.", options)
            _accept(options["store"])
        with report_to(options["output"], self.stdout) as write:
            reports = _work(options, write)
        _judge(reports, options)

    def _confirm(self, word: str, warning: str, options: dict[str, Any]) -> None:
        if not options["no_input"]:
            demand_typed(word, f"{warning} Type {word!r} to go on:", self.stderr)


def _work(options: dict[str, Any], write: Callable[[str], object]) -> list[StoreReport]:
    swept: dict[str, int | None] = {}
    if options["restore"]:
        reports = restore_objects(options["restore"], storage_type=options["store"], actor=OPERATOR)
    else:
        if not options["store"]:
            swept |= {**staging.stale(), "unfinished": None} if options["dry_run"] else _sweep()
        reports = collect(_wish(options), actor=OPERATOR)
    written = as_json if options["format"] == "json" else as_text
    write(f"{written(reports, dry_run=options['dry_run'], swept=swept)}\n")
    return reports


def _judge(reports: list[StoreReport], options: dict[str, Any]) -> None:
    failed = [report.store for report in reports if not report.is_well]
    if failed:
        raise CommandError(f"Not all is well in: {', '.join(failed)}. The report says why.", returncode=1)
    wanted = options["restore"]
    if wanted and wanted != EVERYTHING and not any(report.returned for report in reports):
        raise CommandError(f"The trash has no {wanted!r}, or it is back already.", returncode=1)


def _check(options: dict[str, Any]) -> None:
    for name in ("max_scanned", "max_deleted"):
        if options[name] is not None and options[name] < 1:
            raise CommandError(f"--{name.replace('_', '-')} is a count from 1 on.", returncode=USAGE)
    if options["dry_run"] and (options["restore"] or options["accept_older_database"]):
        raise CommandError(
            "A dry run changes nothing: leave out --restore and --accept-older-database.", returncode=USAGE
        )
    if options["store"] is not None:
        chosen_store(options["store"], [provider.name for provider in configured_providers()])


def _wish(options: dict[str, Any]) -> Wish:
    return Wish(
        storage_type=options["store"],
        max_scanned=options["max_scanned"],
        max_deleted=options["max_deleted"],
        purge_unknown=options["purge_unknown"],
        dry_run=options["dry_run"],
    )


def _sweep() -> dict[str, int]:
    return {
        "uploads": staging.sweep_uploads(),
        "unfinished": unfinished.sweep_unfinished(),
        "removals": deletion.sweep_removals(),
        "payloads": payload_sweeping.sweep_payloads(),
    }


def _accept(storage_type: str | None) -> None:
    for provider in configured_providers():
        if storage_type in (None, provider.name):
            try:
                accept_database(provider, OPERATOR)
            except (CollectionRefused, ConfigurationError, StorageError) as error:
                raise CommandError(str(error), returncode=1) from error
