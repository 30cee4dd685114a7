"""The web process's high-water mark (VmHWM) before and after a large document passed. 2 GiB unless told."""

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Goal, LeftOut, Options, Result
from benchmarks.load import Client
from benchmarks.scratch import random_file, scratch
from benchmarks.servers import Server, new_vault
from benchmarks.transfers import DOCUMENTS

_SIZE = 2 * 1024**3
_MIB = 1024**2
_GOAL = Goal(64, "more by at most")


def measure(options: Options) -> Iterator[Result | LeftOut]:
    """A high-water mark never falls, so each direction gets a process of its own that is measured once."""
    size = options.size or _SIZE
    with scratch(5 * size // 2) as directory:
        plain, small = random_file(directory / "plain", size), random_file(directory / "small", 4096)
        vault = new_vault(directory)
        with vault.serving() as server:
            idle = _idle(server, small)
            with Client(server.port, token=server.token) as client:
                document = client.send(DOCUMENTS, plain).json()["id"]
                yield Result("memory, upload against idle", _high_water(server), idle, "MiB", _GOAL)
        plain.unlink()
        with vault.serving() as server:
            idle = _idle(server, small)
            with Client(server.port, token=server.token) as client:
                assert client.get(f"{DOCUMENTS}/{document}/content").length == size
                yield Result("memory, download against idle", _high_water(server), idle, "MiB", _GOAL)


def _idle(server: Server, small: Path) -> float:
    """Load what the first requests load, with a document that needs no buffer."""
    with Client(server.port, token=server.token) as client:
        document = client.send(DOCUMENTS, small).json()["id"]
        client.get(f"{DOCUMENTS}/{document}/content")
        client.get(DOCUMENTS)
    return _high_water(server)


def _high_water(server: Server) -> float:
    """MiB, of all processes that serve."""
    total = 0
    for pid in server.workers():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
        assert found is not None
        total += int(found[1])
    return total * 1024 / _MIB
