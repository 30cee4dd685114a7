"""Unwrapping the DEKs of rows, against what RSA of this machine can do at all. One core."""

from collections.abc import Callable, Iterator
from time import perf_counter

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.figure import Goal, LeftOut, Options, Result
from benchmarks.keys import new_ids, new_key_ring, new_metadata
from benchmarks.rounds import compare
from documents.encryption.envelope import Sealer, open_row

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


def _per_second(work: Callable[[], object]) -> float:
    started = perf_counter()
    for _ in range(_TIMES):
        work()
    return _TIMES / (perf_counter() - started)
