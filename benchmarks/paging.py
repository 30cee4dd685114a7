"""The list of a million documents: the page at row 900,000 against the first, on SQLite and PostgreSQL."""

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Goal, LeftOut, Options, Result
from benchmarks.scratch import scratch
from benchmarks.servers import ROOT, vault_environment
from tests.services.postgres import postgres
from tests.services.processes import ServerFailed, run

_GOAL = Goal(1.5, "ratio at most")


def measure(options: Options) -> Iterator[Result | LeftOut]:
    """Each database gets a process of its own: Django's settings are read once."""
    with scratch(3 * 1024**3) as directory:
        yield _measured("SQLite", f"sqlite:///{directory}/paging.sqlite3", directory, options)
        figure = "PostgreSQL"
        try:
            with postgres() as url:
                yield _measured(figure, url, directory, options)
        except ServerFailed as error:
            yield LeftOut(f"list page at row 900,000, {figure}", str(error).splitlines()[0])


def _measured(database: str, url: str, directory: Path, options: Options) -> Result:
    environment = {**vault_environment(directory), "DATABASE_URL": url}
    run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--skip-checks", "--verbosity", "0"],
        environment=environment,
    )
    command = [sys.executable, "-m", "benchmarks.paging_rows", str(options.rounds)]
    deep, first = run(command, environment=environment).split()
    return Result(f"list page at row 900,000, {database}", float(deep), float(first), "ms", _GOAL)
