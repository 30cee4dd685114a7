"""What ``adopt_documents`` and ``adopt_filefield`` have in common: options, report, confirmation, how they end."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from documents.errors import AdoptionStopped, StorageError, VaultError
from documents.key_rings import key_ring
from documents.management.arguments import USAGE, report_to
from documents.management.asking import demand_typed
from documents.management.database import database_told
from documents.management.progress import progress_on
from documents.management.stopping import INTERRUPTED, told_politely
from documents.redaction import redacted
from documents.services.actors import Actor
from documents.services.adopting.outcomes import Outcome, Status
from documents.services.adopting.owners import Owners, person_called, read_owner_map
from documents.services.adopting.report import COLUMNS, Tally, as_json, as_line, as_text
from documents.services.adopting.working import Wish
from documents.services.tables import table_line

OPERATOR = Actor(user=None, via="command")
# Of failures one after another that say that a store is down or full: each waits for its time-outs.
OUTAGE = 5
_FULL = frozenset(("storage-full", "bucket-not-found"))
_MOST_AT_ONCE = 1000
CONFIRM = (
    "Only names and sizes were looked at: what does not open is told when its turn comes. Originals stay as they are. "
    "Type 'adopt' to go on:"
)
AGAIN = "Run the same command again to go on: nothing is adopted twice."


class Outage(Exception):
    """A store is down or full: the rest would fail alike."""


def add_shared_options(parser: ArgumentParser) -> None:
    """The options that both commands have which adopt."""
    parser.add_argument("--owner", metavar="NAME", help="who owns what names nobody")
    parser.add_argument("--system", action="store_true", help="the system owns what has no owner here")
    parser.add_argument(
        "--dry-run", action="store_true", help="open everything, say what would be done, change nothing"
    )
    parser.add_argument(
        "--limit", type=_count, metavar="COUNT", help="do so many and no more; what fails does not count"
    )
    parser.add_argument("--batch-size", type=_few, default=100, metavar="COUNT", help="looked up at a time (100)")
    parser.add_argument("--workers", type=_few, default=4, metavar="COUNT", help="threads (4)")
    parser.add_argument("--format", choices=("text", "json", "csv"), default="text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there instead of to stdout")
    parser.add_argument("--no-input", action="store_true", help="ask for no confirmation")


def owners_of(options: dict[str, Any]) -> Owners:
    """Return who owns what. Raises CommandError naming what is wrong."""
    mapped = None
    if path := options.get("owner_map"):
        try:
            mapped = read_owner_map(path)
        except (OSError, ValueError) as error:
            raise CommandError(f"--owner-map {path}: {_words_of(error)}.", returncode=USAGE) from error
    fallback = None
    if name := options["owner"]:
        if options["system"]:
            raise CommandError("--owner and --system both say whose it is: leave one out.", returncode=USAGE)
        fallback = person_called(name)
        if fallback is None:
            raise CommandError(f"There is no person {name!r}.", returncode=USAGE)
    return Owners(mapped, fallback=fallback, to_system=options["system"])


def wish_of(options: dict[str, Any]) -> Wish:
    """Return what the shared options ask for. Raises as ``owners_of``."""
    return Wish(
        owners=owners_of(options),
        actor=OPERATOR,
        dry_run=options["dry_run"],
        batch_size=options["batch_size"],
        workers=options["workers"],
        limit=options["limit"],
    )


def conduct(
    work: Callable[[Wish], Generator[Outcome]], wish: Wish, tally: Tally, command: BaseCommand, **options: Any
) -> None:
    """Have it confirmed where that is to be, do it, and report on it. Raises CommandError."""
    if not options["no_input"] and not wish.dry_run:
        plan = Tally(dry_run=True)
        with progress_on(command.stderr, "looking") as progress:
            for outcome in work(replace(wish, dry_run=True, thoroughly=False)):
                plan.add(outcome)
                progress.add(outcome.size)
        demand_typed("adopt", f"{as_text(plan)}\n{CONFIRM}", command.stderr)
    with (
        reported(options, command.stdout, tally) as add,
        progress_on(command.stderr, "adopting") as progress,
        closing(work(wish)) as outcomes,
    ):
        for outcome in outcomes:
            add(outcome)
            progress.add(outcome.size)
    if tally.failed:
        raise CommandError(f"{tally.failed:,} of {tally.total:,} cannot be adopted. The report says why.", returncode=1)


@contextmanager
def adopting(tally: Tally) -> Iterator[None]:
    """Everything that can end such a command ends it with one line and the right status."""
    try:
        with told_politely(), database_told(AGAIN):
            key_ring().require_private_keys()
            yield
    except (KeyboardInterrupt, AdoptionStopped) as interrupt:
        raise CommandError(f"Interrupted. {tally.done:,} were adopted. {AGAIN}", returncode=INTERRUPTED) from interrupt
    except StorageError as error:
        raise CommandError(redacted(str(error)), returncode=1) from error
    except VaultError as error:
        raise CommandError(redacted(str(error)), returncode=USAGE) from error


class Reporter:
    """Takes each outcome and writes the report: the CSV as it comes, the others at the end."""

    def __init__(self, tally: Tally, write: Callable[[str], object], form: str) -> None:
        self._tally, self._write, self._form = tally, write, form
        self._failures = 0
        if form == "csv":
            write(table_line(COLUMNS))

    def add(self, outcome: Outcome) -> None:
        """Raises Outage where one failure after the other says that a store is down."""
        self._tally.add(outcome)
        if self._form == "csv":
            self._write(as_line(outcome))
        if outcome.status is Status.FAILED and (outcome.is_retryable or outcome.code in _FULL):
            self._failures += 1
            if self._failures == OUTAGE:
                raise Outage(outcome.detail)
        elif outcome.status not in (Status.LEFT_OUT, Status.ALREADY):
            self._failures = 0

    def finish(self) -> None:
        """Write the report; of CSV each line was written before."""
        if self._form == "csv":
            return
        written = as_json if self._form == "json" else as_text
        self._write(f"{written(self._tally)}\n")


@contextmanager
def reported(options: dict[str, Any], stdout: OutputWrapper, tally: Tally) -> Iterator[Callable[[Outcome], None]]:
    """Yield what takes each outcome, and write the report, also of a run that an outage ends.

    Raises CommandError then.
    """
    outage = None
    with report_to(options["output"], stdout) as write:
        reporter = Reporter(tally, write, options["format"])
        try:
            yield reporter.add
        except Outage as error:
            outage = error
        reporter.finish()
    if outage:
        raise CommandError(f"Stopped, for the rest would fail alike: {outage} {AGAIN}", returncode=1)


def _words_of(error: Exception) -> str:
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 2**31 - 1:
        raise ArgumentTypeError(f"{text!r} is no count from 1 on")
    return int(text)


def _few(text: str) -> int:
    if (count := _count(text)) > _MOST_AT_ONCE:
        raise ArgumentTypeError(f"{count:,} is too many: {_MOST_AT_ONCE:,} at the most")
    return count
