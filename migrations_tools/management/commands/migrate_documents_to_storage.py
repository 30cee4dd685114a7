"""``migrate_documents_to_storage``: move the whole vault, live and verified, and say what became of each object."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, ProgrammingError

from documents.errors import StorageError, VaultError
from documents.management.arguments import USAGE, report_to
from documents.management.database import lacks_tables
from documents.management.stopping import INTERRUPTED, Interrupted, told_politely
from documents.redaction import redacted
from documents.services.actors import Actor
from migrations_tools import control
from migrations_tools.adjusting import adjust
from migrations_tools.management.asking import ask_before
from migrations_tools.management.database import words_of
from migrations_tools.management.options import add_options, demand_plannable, run_of, speed_for
from migrations_tools.management.previewing import preview_as_json, preview_as_text
from migrations_tools.management.watching import watch
from migrations_tools.models import MigrationRun
from migrations_tools.preview import preview
from migrations_tools.probing import demand_answer, probe
from migrations_tools.reports.keeping import keep_report
from migrations_tools.reports.kept import still_elsewhere
from migrations_tools.reports.words import elsewhere_in_words
from migrations_tools.reports.writing import pieces_of_report
from migrations_tools.states import UNFINISHED, RunState

MIGRATE = "migrate_documents_to_storage"
OPERATOR = Actor(user=None, via="command")


class Command(BaseCommand):
    """Exit status 0 where all is well, 1 where something failed or differs, 2 for a wrong call, 130 interrupted."""

    help = (
        "Move every document, upload and payload to another store while people go on working: each object is copied as "
        "it is, read back from the destination and compared, and only then its row is switched. The source is kept; "
        "--purge-source deletes it later, after a second look. Progress on stderr, the report on stdout."
    )
    requires_system_checks: list[str] = []  # no key is needed, and a store that is down is told in other words
    _run: MigrationRun | None = None  # the one that is begun or gone on with; without an id until it is stored

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            with told_politely():
                self._do(options)
        except KeyboardInterrupt as interrupt:
            raise CommandError(_interrupted(self._run), returncode=INTERRUPTED) from interrupt
        except (OperationalError, InterfaceError) as error:
            raise CommandError(words_of(error, self._run_id), returncode=1) from error
        except ProgrammingError as error:
            if not lacks_tables():
                raise
            raise CommandError(words_of(error, self._run_id), returncode=1) from error
        except StorageError as error:
            raise CommandError(redacted(str(error)), returncode=1) from error
        except VaultError as error:
            raise CommandError(redacted(str(error)), returncode=USAGE) from error

    @property
    def _run_id(self) -> int | None:
        return self._run.pk if self._run else None

    def _do(self, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            demand_plannable(options)
            self._tell_plan(run_of(options), options)
        else:
            self._move(options)

    def _tell_plan(self, run: MigrationRun, options: dict[str, Any]) -> None:
        written = preview_as_json if options["format"] == "json" else preview_as_text
        with report_to(options["output"], self.stdout) as write:
            found, problem = preview(run), probe(run)
            write(f"{written(found, problem)}\n")
        if problem or found.held_by or not found.has_room:
            raise CommandError("It cannot be done as it is. The plan says why.", returncode=1)

    def _move(self, options: dict[str, Any]) -> None:
        with report_to(options["output"], self.stdout) as write:
            run = self._started(options)
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
            return self._resumed(_existing(number) if number else control.latest_unfinished(), options)
        if number := options["retry_failed"]:
            return self._retried(_existing(number), options)
        run = run_of(options)
        demand_answer(run)
        ask_before(run, self.stderr, is_asked=not options["no_input"])
        self._run = run
        return control.create(run, OPERATOR)

    def _resumed(self, run: MigrationRun | None, options: dict[str, Any]) -> MigrationRun:
        if run is None:
            raise CommandError("There is no run that could go on.", returncode=USAGE)
        speed = speed_for(run, options)
        self._run = run
        stands_still = run.state in (RunState.PAUSED, RunState.INTERRUPTED, RunState.PAUSING)
        if stands_still:
            demand_answer(run)
        adjust(run, speed, OPERATOR)
        if stands_still:
            control.resume(run, OPERATOR)
        return run

    def _retried(self, run: MigrationRun, options: dict[str, Any]) -> MigrationRun:
        speed = speed_for(run, options)
        self._run = run
        demand_answer(run)
        count = control.retry_failed(run, OPERATOR)
        adjust(run, speed, OPERATOR)
        self.stderr.write(f"Run {run.pk}: {count:,} failed items are tried again.")
        return run

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
    return f"Run {run.pk} is {run.state}{why} Go on with: manage.py {MIGRATE} --resume {run.pk}"


def _interrupted(run: MigrationRun | None) -> str:
    """How to go on with what was begun, as it is now."""
    run = run and MigrationRun.objects.filter(pk=run.pk).first()
    if run is None:
        return "Interrupted. Nothing was changed."
    if run.state in UNFINISHED:
        return _how_to_go_on(run)
    return f"Interrupted. Run {run.pk} is {run.state}; its report: manage.py {MIGRATE} --resume {run.pk}"
