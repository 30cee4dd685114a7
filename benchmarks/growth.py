"""What it costs to plan and to move one object, in a vault of a million documents against one of a thousand.

From memory to memory, so that no store hides what the database costs; on SQLite and on PostgreSQL.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.figure import Goal, LeftOut, Options, Result, Side
from benchmarks.rounds import compare
from benchmarks.scratch import scratch
from benchmarks.servers import ROOT, vault_environment
from tests.services.postgres import postgres
from tests.services.processes import ServerFailed, run

SMALL, LARGE = 1000, 1_000_000
MOVING, PLANNING = "cost per migrated object", "cost per planned object"
BEFORE, AFTER = "before", "after"
_STORE = '[stores.{name}]\ntype = "documents.storage.memory.MemoryProvider"\n'


def measure(options: Options) -> Iterator[Result | LeftOut]:
    with scratch(6 * 1024**3) as directory:
        yield from _measured("SQLite", f"sqlite:///{directory}", directory, options)
        try:
            with postgres() as url:
                yield from _measured("PostgreSQL", url.removesuffix("/postgres"), directory, options)
        except ServerFailed as error:
            yield LeftOut(f"{MOVING}, PostgreSQL", str(error).splitlines()[0])


def _measured(database: str, base: str, directory: Path, options: Options) -> Iterator[Result]:
    """Two vaults, each in a process of its own, that take turns."""
    with ExitStack() as open_:
        small, large = (open_.enter_context(_vault(base, rows, directory)) for rows in (SMALL, LARGE))
        for figure in (MOVING, PLANNING):
            yield compare(
                f"{figure}, {database}", _asked(large, figure), _asked(small, figure),
                unit="µs", goal=Goal(1.1, "ratio at most"), options=options,
            )  # fmt: skip


@contextmanager
def _vault(base: str, rows: int, directory: Path) -> Iterator["subprocess.Popen[str]"]:
    stores = directory / "stores.toml"
    stores.write_text("".join(_STORE.format(name=name) for name in (BEFORE, AFTER)))
    environment = {**vault_environment(directory), "VAULT_STORAGE_FILE": str(stores)}
    name = f"vault_{rows}"
    if base.startswith("postgresql"):
        create = "import psycopg, sys; psycopg.connect(sys.argv[1], autocommit=True).execute(sys.argv[2])"
        run([sys.executable, "-c", create, f"{base}/postgres", f"CREATE DATABASE {name}"])
    environment["DATABASE_URL"] = f"{base}/{name}"
    run([sys.executable, str(ROOT / "manage.py"), "migrate", "--skip-checks", "-v", "0"], environment=environment)
    command = [sys.executable, "-m", "benchmarks.growth_rows", str(rows)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _asked(vault: "subprocess.Popen[str]", figure: str) -> Side:
    def side() -> float:
        assert vault.stdin is not None
        assert vault.stdout is not None
        print(figure, file=vault.stdin, flush=True)
        return float(vault.stdout.readline())

    return side
