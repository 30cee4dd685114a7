"""Rotation, and unwrapping the DEKs of rows, against what RSA of this machine can do at all, each for one core."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.figure import Goal, LeftOut, Options, Result
from benchmarks.keys import new_ids, new_key_ring, new_metadata
from benchmarks.rounds import compare
from benchmarks.scratch import scratch
from benchmarks.servers import ROOT, vault_environment
from documents.encryption.envelope import Sealer, open_row
from tests.services.processes import run

_TIMES = 400


def measure(options: Options) -> Iterator[Result | LeftOut]:
    ring = new_key_ring()
    sealer = Sealer(new_ids(), new_metadata(), ring)
    private_key = generate_private_key(65_537, 3_072)
    padding = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)
    wrapped = private_key.public_key().encrypt(bytes(32), padding)
    yield compare(
        "unwrap a row against RSA-3072",
        lambda: _per_second(lambda: open_row(sealer.prefix_core, sealer.key_block, ring)),
        lambda: _per_second(lambda: private_key.decrypt(wrapped, padding)),
        unit="/s",
        goal=Goal(0.7, "ratio at least"),
        options=options,
    )

    with scratch(256 * 1024**2) as directory, _vault(directory) as vault:
        yield compare(
            "rotate a vault against RSA-3072",
            lambda: _rotated(vault),
            lambda: _per_cpu_second(lambda: private_key.decrypt(wrapped, padding)),
            unit="/s",
            goal=Goal(0.7, "ratio at least"),
            options=options,
        )


@contextmanager
def _vault(directory: Path) -> Iterator["subprocess.Popen[str]"]:
    environment = vault_environment(directory)
    run([sys.executable, str(ROOT / "manage.py"), "migrate", "--skip-checks", "-v", "0"], environment=environment)
    command = [sys.executable, "-m", "benchmarks.rotation_rows"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def _rotated(vault: "subprocess.Popen[str]") -> float:
    assert vault.stdin is not None
    assert vault.stdout is not None
    print("rotate", file=vault.stdin, flush=True)
    return float(vault.stdout.readline())


def _per_cpu_second(work: Callable[[], object]) -> float:
    started = process_time()
    for _ in range(_TIMES):
        work()
    return _TIMES / (process_time() - started)


def _per_second(work: Callable[[], object]) -> float:
    started = perf_counter()
    for _ in range(_TIMES):
        work()
    return _TIMES / (perf_counter() - started)
