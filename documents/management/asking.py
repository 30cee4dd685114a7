"""Having a typed word confirm what is hard to undo, whatever stdin is."""

import sys

from django.core.management.base import CommandError, OutputWrapper

from documents.management.arguments import USAGE
from documents.management.stopping import INTERRUPTED


def demand_typed(wanted: str, question: str, stderr: OutputWrapper) -> None:
    """Ask on stderr, and go on once ``wanted`` was typed.

    Raises CommandError where something else was, or nothing: at the end of stdin, without one (``<&-``), by Ctrl-C.
    """
    stderr.write(question)
    try:
        typed = sys.stdin.readline() if sys.stdin else ""
    except KeyboardInterrupt as interrupt:
        raise CommandError("Interrupted. Nothing was changed.", returncode=INTERRUPTED) from interrupt
    except (OSError, ValueError):  # no longer readable, or not UTF-8
        typed = ""
    if typed.strip() != wanted:
        raise CommandError("Not confirmed; nothing was changed.", returncode=USAGE)
