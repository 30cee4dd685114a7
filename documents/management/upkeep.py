"""What the commands of long runs have in common: rotate_keys, reseal_documents, verify_documents."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, OutputWrapper
from kombu.exceptions import OperationalError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from documents.management.arguments import USAGE, count, few, report_to
from documents.management.database import database_told
from documents.management.stopping import INTERRUPTED, told_politely
from documents.models import UpkeepRun
from documents.models.upkeep import UNFINISHED, UpkeepState
from documents.redaction import redacted
from documents.services.actors import Actor
from documents.upkeep import runs
from documents.upkeep.errors import RunRefused, StandsAside
from documents.upkeep.figures import Figures, figures_of
from documents.upkeep.report import FORMATS, report_of
from documents.upkeep.shares import at_work
from documents.upkeep.tasks import wake
from documents.upkeep.worker import work_on
from documents.wording import duration_in_words

OPERATOR = Actor(user=None, via="command")
# Seconds between two looks, and between two lines where stderr is no terminal.
LOOK, LINE = 0.5, 10.0
# A run at which no worker is seen for so many seconds is worked on here.
PATIENCE = 10.0


def add_run_options(parser: ArgumentParser) -> None:
    """Add what every long run takes."""
    one = parser.add_mutually_exclusive_group()
    one.add_argument(
        "--resume", type=count, nargs="?", const=0, metavar="RUN", help="default: the one that is not over"
    )
    one.add_argument("--cancel", type=count, nargs="?", const=0, metavar="RUN", help="give it up; what was done stays")
    parser.add_argument(
        "--workers", type=few, default=2, metavar="COUNT", help="tasks at a time (2); a resumed run keeps its own"
    )
    parser.add_argument("--inline", action="store_true", help="work in this process, without a broker")
    parser.add_argument("--format", choices=FORMATS, default="text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the report there instead of to stdout")
    parser.add_argument("--no-input", action="store_true", help="nothing is asked with it or without; for scripts")


def refuse_beside_resume(options: dict[str, Any], *names: str) -> None:
    """Of these options, which say what a new run is like, none goes with --resume or --cancel. Raises CommandError."""
    chosen = "--resume" if options["resume"] is not None else "--cancel" if options["cancel"] is not None else ""
    given = [f"--{name.replace('_', '-')}" for name in names if options[name] not in (None, False, 0)]
    if chosen and given:
        raise CommandError(
            f"{', '.join(given)} would change nothing: a run keeps what it was begun with. Leave it out beside "
            f"{chosen}, or give the run up with --cancel and begin another.",
            returncode=USAGE,
        )


def conduct(
    kind: UpkeepRun.Kind,
    begin: Callable[[], UpkeepRun],
    options: dict[str, Any],
    command: BaseCommand,
    name: str,
    *,
    before_resuming: Callable[[UpkeepRun], None] = lambda _run: None,
) -> None:
    """Begin a run or go on with one, watch it, and write its report. ``name`` is the command's.

    Raises CommandError: 1 where it has findings or stands still, 2 for a wrong call, 130 where it was interrupted.
    """
    with database_told(f"A run that had begun goes on with: manage.py {name} --resume"):
        if options["cancel"] is not None:
            run = _chosen(kind, options["cancel"])
            runs.cancel(run, OPERATOR)
            command.stderr.write(f"Run {run.pk} is cancelled. What was done stays done.")
            return
        with report_to(options["output"], command.stdout) as write:
            run = begin() if options["resume"] is None else _resumed(kind, options["resume"], before_resuming)
            _watch(run, command.stderr, inline=options["inline"], name=name)
            for piece in report_of(run, options["format"]):
                write(piece)
        _judge(run, name)


def _resumed(kind: UpkeepRun.Kind, number: int, before_resuming: Callable[[UpkeepRun], None]) -> UpkeepRun:
    run = _chosen(kind, number)
    if run.state not in UNFINISHED:
        raise CommandError(f"Run {run.pk} is over: it {run.state}.", returncode=USAGE)
    before_resuming(run)
    if run.state in (UpkeepState.PAUSED, UpkeepState.INTERRUPTED):
        runs.resume(run, OPERATOR)
    return run


def _chosen(kind: UpkeepRun.Kind, number: int) -> UpkeepRun:
    run = UpkeepRun.objects.filter(kind=kind, pk=number).first() if number else runs.unfinished(kind)
    if run is None:
        raise CommandError(
            f"There is no run {number}." if number else "There is no run to go on with.", returncode=USAGE
        )
    return run


def _watch(run: UpkeepRun, stderr: OutputWrapper, *, inline: bool, name: str) -> None:
    try:
        with told_politely():
            _wait(run, stderr, here=inline or not _woken(run, stderr))
    except KeyboardInterrupt as interrupt:
        with suppress(KeyboardInterrupt):
            runs.interrupt(run, note="stopped by whoever watched it")
        run.refresh_from_db()
        if run.state in (UpkeepState.INTERRUPTED, UpkeepState.PAUSED, UpkeepState.RUNNING):
            raise CommandError(_how_to_go_on(run, name), returncode=INTERRUPTED) from interrupt


def _woken(run: UpkeepRun, stderr: OutputWrapper) -> bool:
    try:
        wake(run)
    except (OperationalError, OSError) as error:
        stderr.write(f"The broker does not answer ({redacted(str(error))}). This process does the work itself.")
        return False
    return True


def _wait(run: UpkeepRun, stderr: OutputWrapper, *, here: bool) -> None:
    seen_at = time.monotonic()
    with _progress_on(stderr, run) as show:
        while True:
            run.refresh_from_db()
            show(figures_of(run))
            if run.state != UpkeepState.RUNNING:
                return
            if here:
                _work_here(run, lambda: show(figures_of(run)))
            elif at_work(run):
                seen_at = time.monotonic()
            elif time.monotonic() - seen_at > PATIENCE:
                stderr.write("No worker is at it. This process does the work itself.")
                here = True
            if run.state == UpkeepState.RUNNING:
                time.sleep(LOOK)


def _work_here(run: UpkeepRun, keep: Callable[[], bool]) -> None:
    try:
        work_on(run.pk, keep=keep)
    except StandsAside as aside:
        raise CommandError(f"{aside} Workers with the present ones go on with run {run.pk}.", returncode=1) from aside


class _progress_on:  # noqa: N801  # used as the context manager that it is
    """Yield what shows figures: bars on a terminal, a line now and then in a log. What it returns is true."""

    def __init__(self, stderr: OutputWrapper, run: UpkeepRun) -> None:
        self._stderr, self._due = stderr, time.monotonic() + LINE
        columns = (
            TextColumn(f"run {run.pk}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[findings]} findings"),
        )
        self._bars = Progress(*columns, console=Console(stderr=True)) if stderr.isatty() else None

    def __enter__(self) -> Callable[[Figures], bool]:
        if self._bars:
            self._bars.start()
            self._task = self._bars.add_task("", total=None, findings=0)
        return self._show

    def __exit__(self, *_error: object) -> None:
        if self._bars:
            self._bars.stop()

    def _show(self, figures: Figures) -> bool:
        if self._bars:
            self._bars.update(self._task, completed=figures.seen, total=figures.total, findings=figures.findings)
        elif time.monotonic() > self._due:
            self._due = time.monotonic() + LINE
            left = f", {duration_in_words(figures.remaining)} left" if figures.remaining else ""
            self._stderr.write(
                f"{figures.seen:,} of {figures.total:,} objects, {figures.rate:,.1f}/s, {figures.findings:,} findings"
                f"{left}"
            )
        return True


def _judge(run: UpkeepRun, name: str) -> None:
    if run.state == UpkeepState.SUCCEEDED:
        return
    if run.state == UpkeepState.FAILED:
        raise CommandError(f"Run {run.pk} is over, and has findings: the report names them.", returncode=1)
    if run.state == UpkeepState.CANCELLED:
        raise CommandError(f"Run {run.pk} was cancelled; what was done stays done.", returncode=1)
    raise CommandError(_how_to_go_on(run, name), returncode=1)


def _how_to_go_on(run: UpkeepRun, name: str) -> str:
    why = f": {run.note.rstrip('.')}." if run.note else "."
    return f"Run {run.pk} is {run.state}{why} Then it goes on with: manage.py {name} --resume {run.pk}"


def told(error: Exception) -> CommandError:
    """Return what a command ends with where a run cannot be begun."""
    return CommandError(redacted(str(error)), returncode=USAGE if isinstance(error, RunRefused) else 1)
