"""Sealing and opening a file, against a copy and against other people's tools. 1 GiB on tmpfs unless told."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import peers
from benchmarks.figure import Goal, LeftOut, Options, Result, Side
from benchmarks.keys import new_ids, new_key_ring, new_metadata
from benchmarks.rounds import compare, rate
from benchmarks.scratch import random_file, scratch
from documents.encryption.files import open_file, seal_file
from documents.encryption.keyring import KeyRing

_SIZE = 1024**3


def measure(options: Options) -> Iterator[Result | LeftOut]:
    size = options.size or _SIZE
    with scratch(4 * size) as directory:
        ring = new_key_ring()
        yield from _sealing(directory, ring, size, options)
        yield _opening(directory, ring, options)


def _sealing(directory: Path, ring: KeyRing, size: int, options: Options) -> Iterator[Result]:
    plain = random_file(directory / "plain", size)
    # The slowest peer gets a quarter: a rate is a rate, and nobody wants to wait for it.
    quarter = random_file(directory / "quarter", max(1, size // 4))

    def seal(source: Path, destination: Path) -> None:
        seal_file(source, destination, ids=new_ids(), metadata=new_metadata(), key_ring=ring)

    rows = (
        ("shutil.copyfile", shutil.copyfile, plain, 1.0),
        ("age", peers.age()[0], plain, 2.5),
        ("tink, 1 MiB", peers.tink_1_mib(), plain, 4),
        ("aws-encryption-sdk, 1 MiB", peers.aws_1_mib(), quarter, 8),
    )
    for name, peer, source, goal in rows:
        yield _compared(f"seal against {name}", _rate_of(seal, source), _rate_of(peer, source), goal, options)
    quarter.unlink()


def _opening(directory: Path, ring: KeyRing, options: Options) -> Result:
    plain, sealed, aged = (directory / name for name in ("plain", "sealed", "aged"))
    age_seal, age_open = peers.age()
    seal_file(plain, sealed, ids=new_ids(), metadata=new_metadata(), key_ring=ring)
    age_seal(plain, aged)

    def open_(source: Path, destination: Path) -> None:
        open_file(source, destination, key_ring=ring, expected=None)

    return _compared("open against age", _rate_of(open_, sealed), _rate_of(age_open, aged), 4, options)


def _compared(figure: str, ours: Side, peer: Side, goal: float, options: Options) -> Result:
    return compare(figure, ours, peer, unit="MB/s", goal=Goal(goal, "ratio at least"), options=options)


def _rate_of(work: Callable[[Path, Path], object], source: Path) -> Side:
    """The rate at which ``work`` makes a new file of ``source``; removing it is not counted."""
    destination = source.parent / "destination"

    def side() -> float:
        try:
            return rate(lambda: work(source, destination), source.stat().st_size)
        finally:
            destination.unlink(missing_ok=True)

    return side
