"""``check_report``: is this the report that the vault signed?"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.errors import ConfigurationError, KeyRingError
from documents.management.arguments import USAGE
from migrations_tools.reports.checking import NotAReport, check_report

# Several times what 10,000 failed items take: more is no report, and is not read into memory.
MOST_BYTES = 64 * 1024**2


class Command(BaseCommand):
    """Exit status 0 where the report is right, 1 where it is not, 2 where the file or the vault's keys are missing."""

    help = (
        "Check the JSON of a migration's report with the vault's origin key: exit status 0 if it is byte for byte what "
        "was signed, 1 if it was changed, is not signed or is signed by another key, 2 if the file is no report."
    )
    requires_system_checks: list[str] = []  # no store is asked

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="written with --format json")

    def handle(self, *_args: Any, file: Path, **_options: Any) -> None:
        try:
            verdict = check_report(_read(file))
        except (NotAReport, ConfigurationError, KeyRingError) as error:
            raise CommandError(str(error), returncode=USAGE) from error
        if not verdict.is_right:
            raise CommandError(verdict.words, returncode=1)
        self.stdout.write(verdict.words)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.", returncode=USAGE) from error
    if len(content) > MOST_BYTES:
        raise NotAReport(f"{file} has more than {MOST_BYTES:,} bytes: this is not the JSON of a migration's report.")
    return content
