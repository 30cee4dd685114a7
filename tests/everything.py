"""``python -m tests.everything``: the whole suite, and the domain, web and API tests once more on real servers.

The first run is on what ``make run`` uses: SQLite, memory, local disk. The second takes PostgreSQL, Valkey and S3. Any
argument goes to both pytest runs.
"""

import os
import subprocess
import sys

from tests.services.environment import s3_kind

ON_SERVERS = ["tests/documents", "tests/recovery/database", "tests/migrations_tools", "tests/web", "tests/api"]
# One more than there are cores: a third of the time a test waits, for a server or for a time-out that it provoked.
WORKERS = str(min(5, (os.cpu_count() or 1) + 1))


def main(arguments: list[str]) -> int:
    coverage = ["--cov", "--cov-report=", "--cov-append"] if not arguments else []
    pytest = [sys.executable, "-m", "pytest", "--numprocesses", WORKERS, "--dist", "loadgroup", "-q"]
    if coverage:
        subprocess.run([sys.executable, "-m", "coverage", "erase"], check=True)
    first = _run([*pytest, *coverage, *arguments], profile="embedded")
    second = _run([*pytest, *coverage, *(arguments or ON_SERVERS)], profile="servers")
    if s3_kind() == "moto":
        sys.stdout.write("S3 was moto, not a real store: install radosgw (Debian) for signatures, expiry and races.\n")
    # Told after failed tests as well: whoever mends them learns at once what else would have failed.
    covered = _covered() if coverage else 0
    return first or second or covered


def _run(command: list[str], *, profile: str) -> int:
    sys.stdout.write(f"--- {profile}\n")
    sys.stdout.flush()
    return subprocess.run(command, env={**os.environ, "TEST_PROFILE": profile}, check=False).returncode


def _covered() -> int:
    """95 % overall and 100 % of the encryption, branches included; both, or the run has failed."""
    report = [sys.executable, "-m", "coverage", "report"]
    overall = subprocess.run([*report, "--fail-under=95", "--skip-covered"], check=False).returncode
    encryption = [*report, "--include=documents/encryption/*", "--fail-under=100"]
    return overall or subprocess.run(encryption, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
