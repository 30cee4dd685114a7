"""``migrate_documents_to_storage``: move the whole vault, live and verified, and say what became of each object."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError

from documents.errors import StorageError, VaultError
from documents.management.arguments import USAGE, report_to
from documents.services.actors import Actor
from migrations_tools import control
from migrations_tools.management.asking import ask_before
from migrations_tools.management.options import add_options, demand_plannable, run_of
from migrations_tools.management.previewing import preview_as_json, preview_as_text
from migrations_tools.management.watching import Interrupted, watch
from migrations_tools.models import MigrationRun
from migrations_tools.preview import preview
from migrations_tools.probing import demand_answer, probe
from migrations_tools.reports.keeping import keep_report
from migrations_tools.reports.kept import still_elsewhere
from migrations_tools.reports.words import elsewhere_in_words
from migrations_tools.reports.writing import pieces_of_report
from migrations_tools.states import UNFINISHED, RunState

OPERATOR = Actor(user=None, via="command")
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class Command(BaseCommand):
    """Exit status 0 where all is well, 1 where something failed or differs, 2 for a wrong call, 130 interrupted."""

    help = (
        "Move every document, upload and payload to another store while people go on working: each object is copied as "
        "it is, read back from the destination and compared, and only then its row is switched. The source is kept; "
        "--purge-source deletes it later, after a second look. Progress on stderr, the report on stdout."
    )
    requires_system_checks: list[str] = []  # no key is needed, and a store that is down is told in other words
    _run: MigrationRun | None = None  # once there is one

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            if options["dry_run"]:
                demand_plannable(options)
                self._tell_plan(run_of(options), options)
            else:
                self._move(options)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(_without_database(error, self._run), returncode=1) from error
        except StorageError as error:
            raise CommandError(str(error), returncode=1) from error
        except VaultError as error:
            raise CommandError(str(error), returncode=USAGE) from error

    def _tell_plan(self, run: MigrationRun, options: dict[str, Any]) -> None:
        written = preview_as_json if options["format"] == "json" else preview_as_text
        with report_to(options["output"], self.stdout) as write:
            found, problem = preview(run), probe(run)
            write(f"{written(found, problem)}\n")
        if problem or found.held_by or not found.has_room:
            raise CommandError("It cannot be done as it is. The plan says why.", returncode=1)

    def _move(self, options: dict[str, Any]) -> None:
        with report_to(options["output"], self.stdout) as write:
            run = self._run = self._started(options)
            try:
                watch(run, self.stderr, inline=options["inline"])
            except Interrupted as interrupted:
                run.refresh_from_db()
                if run.state in UNFINISHED:
                    raise CommandError(_how_to_go_on(run), returncode=INTERRUPTED) from interrupted
            keep_report(run)
            for piece in pieces_of_report(run, options["format"]):
                write(piece)
        if left := still_elsewhere(run):
            self.stderr.write(f"{elsewhere_in_words(left, run.destination)}.")
        self._judge(run)

    def _started(self, options: dict[str, Any]) -> MigrationRun:
        if (number := options["resume"]) is not None:
            run = _existing(number) if number else control.latest_unfinished()
            if run is None:
                raise CommandError("There is no run that could go on.", returncode=USAGE)
            if run.state in (RunState.PAUSED, RunState.INTERRUPTED, RunState.PAUSING):
                demand_answer(run)
                control.resume(run, OPERATOR)
            return run
        if number := options["retry_failed"]:
            run = _existing(number)
            demand_answer(run)
            count = control.retry_failed(run, OPERATOR)
            self.stderr.write(f"Run {run.pk}: {count:,} failed items are tried again.")
            return run
        run = run_of(options)
        demand_answer(run)
        ask_before(run, self.stderr, is_asked=not options["no_input"])
        return control.create(run, OPERATOR)

    def _judge(self, run: MigrationRun) -> None:
        if run.state == RunState.SUCCEEDED:
            return
        if run.state in UNFINISHED:
            raise CommandError(_how_to_go_on(run), returncode=1)
        again = f"the report says why. Try again: --retry-failed {run.pk}"
        why = "what was moved stays moved." if run.state == RunState.CANCELLED else run.note or again
        raise CommandError(f"Run {run.pk} is {run.state}: {why}", returncode=1)


def _existing(number: int) -> MigrationRun:
    run = MigrationRun.objects.filter(pk=number).first()
    if run is None:
        raise CommandError(f"There is no run {number}.", returncode=USAGE)
    return run


def _how_to_go_on(run: MigrationRun) -> str:
    why = f": {run.note.rstrip('.')}." if run.note else "."
    return f"Run {run.pk} is {run.state}{why} Go on with: manage.py migrate_documents_to_storage --resume {run.pk}"


def _without_database(error: Exception, run: MigrationRun | None) -> str:
    said = str(error).partition("\n")[0].rstrip(".")
    if run is None:
        return f"The database does not answer: {said}. Nothing was moved. Try again once it does."
    return (
        f"The database does not answer: {said}. What run {run.pk} moved stays moved, and no row names what was not "
        f"verified. Once it answers, go on with: manage.py migrate_documents_to_storage --resume {run.pk}"
    )
