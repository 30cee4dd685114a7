"""The options of ``migrate_documents_to_storage``, and the run that they describe."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.utils.dateparse import parse_date, parse_datetime

from documents.management.arguments import USAGE, chosen_store, count, few, rate
from documents.wiring import vault_config
from migrations_tools.adjusting import Speed
from migrations_tools.models import MigrationRun
from migrations_tools.states import OVER, RunKind

FORMATS = ("text", "json", "csv", "html")
PLAN_FORMATS = ("text", "json")
# What says of which objects a run is, and so cannot be changed once it is planned.
_FIXED = ("user", "since", "limit", "verify", "purge_source")


def add_options(parser: ArgumentParser) -> None:
    """The options of the command that runs migrations."""
    parser.add_argument("destination", nargs="?", metavar="STORE", help="s3, local, or a store of VAULT_STORAGE_FILE")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, try the destination, change nothing")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--verify", action="store_true", help="read and compare what is at STORE; change nothing")
    kind.add_argument("--purge-source", action="store_true", help="delete sources whose time of grace is over")
    kind.add_argument("--resume", type=count, nargs="?", const=0, metavar="RUN", help="default: the newest unfinished")
    kind.add_argument("--retry-failed", type=count, metavar="RUN", help="try a run's failed items again")
    parser.add_argument("--batch-size", type=few, metavar="COUNT", help="items of one lease (100)")
    parser.add_argument("--workers", type=few, metavar="COUNT", help="tasks at a time (2)")
    parser.add_argument("--threads", type=few, metavar="COUNT", help="objects at a time in each (8)")
    parser.add_argument("--limit", type=count, metavar="COUNT", help="move so many objects and no more")
    parser.add_argument("--user", metavar="NAME", help="only what this person owns")
    parser.add_argument("--since", type=_moment, metavar="DATE", help="only what was made since: 2026-01-31, or a time")
    parser.add_argument("--bandwidth", type=rate, metavar="RATE", help="bytes a second, read and written: 20M")
    parser.add_argument("--inline", action="store_true", help="work in this process, without a broker")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there instead of to stdout")
    parser.add_argument("--no-input", action="store_true", help="ask for no confirmation")


def demand_plannable(options: dict[str, Any]) -> None:
    """Raises CommandError where ``--dry-run`` stands beside what it cannot go with."""
    if options["resume"] is not None or options["retry_failed"]:
        raise CommandError("--dry-run is about a new run: leave --resume and --retry-failed out.", returncode=USAGE)
    if options["format"] not in PLAN_FORMATS:
        raise CommandError(
            f"--dry-run writes text or JSON, no {options['format']}: leave --format out, or write --format json.",
            returncode=USAGE,
        )


def run_of(options: dict[str, Any]) -> MigrationRun:
    """Return the run that is wished for, not saved. Raises CommandError naming what is wrong."""
    if not options["destination"]:
        raise CommandError("Say which store: s3, local, or one of VAULT_STORAGE_FILE.", returncode=USAGE)
    kind = RunKind.VERIFY if options["verify"] else RunKind.PURGE if options["purge_source"] else RunKind.COPY
    if kind == RunKind.PURGE and (options["user"] or options["since"]):
        raise CommandError("--purge-source takes no --user and no --since.", returncode=USAGE)
    return MigrationRun(
        kind=kind,
        destination=chosen_store(options["destination"], vault_config().store_names()),
        owner=_user(options["user"]),
        since=options["since"],
        max_items=options["limit"],
        **_speed(options).wished,
    )


def speed_for(run: MigrationRun, options: dict[str, Any]) -> Speed:
    """Return what is to be changed of a run that exists. Raises CommandError naming what cannot be, or is another's."""
    fixed = [flag for flag in _FIXED if options[flag] not in (None, False)]
    if fixed:
        flags = ", ".join(f"--{flag.replace('_', '-')}" for flag in fixed)
        raise CommandError(f"Run {run.pk} keeps what it was made with: leave {flags} out.", returncode=USAGE)
    if options["destination"] not in (None, run.destination):
        raise CommandError(
            f"Run {run.pk} goes to {run.destination!r}, not to {options['destination']!r}: leave the store out.",
            returncode=USAGE,
        )
    speed = _speed(options)
    if speed.wished and run.state in OVER and options["resume"] is not None:
        raise CommandError(f"Run {run.pk} is {run.state}: nothing of it can be changed.", returncode=USAGE)
    return speed


def _speed(options: dict[str, Any]) -> Speed:
    return Speed(**{name: options[name] for name in ("bandwidth", "workers", "threads", "batch_size")})


def _user(name: str | None) -> User | None:
    if name is None:
        return None
    user = User.objects.filter(username=name).first()
    if user is None:
        raise CommandError(f"There is no person {name!r}.", returncode=USAGE)
    return user


def _moment(text: str) -> datetime:
    try:
        if moment := parse_datetime(text):
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if day := parse_date(text):
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no date: {error}") from error
    raise ArgumentTypeError(
        f"{text!r} is no date: write 2026-01-31, or 2026-01-31T08:00:00+01:00 (without a zone, UTC)"
    )
