"""What tests of the command do: call it, and tell its report from its progress."""

import io
import json
from dataclasses import dataclass
from typing import Any

from django.core.management import CommandError, call_command

MIGRATE = "migrate_documents_to_storage"


@dataclass(frozen=True)
class Answer:
    """``status`` as the shell has it; ``said`` is why it is not 0."""

    status: int
    out: str
    err: str
    said: str = ""


def migrate(*arguments: str) -> Answer:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(MIGRATE, *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return Answer(error.returncode, out.getvalue(), err.getvalue(), str(error))
    return Answer(0, out.getvalue(), err.getvalue())


def dry_run(*arguments: str) -> tuple[int, str]:
    """The exit status, and what it printed on stdout."""
    answer = migrate(*arguments, "--dry-run")
    return answer.status, answer.out


def dry_run_json(*arguments: str) -> tuple[int, dict[str, Any]]:
    status, told = dry_run(*arguments, "--format", "json")
    return status, json.loads(told)
