"""Through HTTP: the real web process with an API token, local storage and SQLite on tmpfs. 512 MiB unless told.

Client and server share the machine; the client costs the same whoever it talks to.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.figure import Goal, LeftOut, Options, Result, Side
from benchmarks.load import Client
from benchmarks.nginx import nginx
from benchmarks.programs import ProgramMissing
from benchmarks.rounds import compare, rate
from benchmarks.scratch import random_file, scratch
from benchmarks.servers import Server, granian, new_vault

DOCUMENTS = "/api/v1/documents"
_SIZE = 512 * 1024**2
_RANGE_SIZE = 1024**3
_RANGES = 200  # in one round


def measure_uploads(options: Options) -> Iterator[Result | LeftOut]:
    size = options.size or _SIZE
    with scratch(3 * size) as directory, ExitStack() as open_:
        plain, server = random_file(directory / "plain", size), open_.enter_context(new_vault(directory).serving())
        peer = open_.enter_context(granian("benchmarks.drop_body:application", directory))
        ours, theirs = open_.enter_context(_client(server)), open_.enter_context(_client(peer))

        def upload() -> float:
            answer = ours.send(DOCUMENTS, plain)
            ours.delete(f"{DOCUMENTS}/{answer.json()['id']}")
            return size / answer.whole / 1e6

        def drop() -> float:
            return rate(lambda: theirs.send("/", plain), size)

        yield compare(
            "upload against the same server dropping it", upload, drop,
            unit="MB/s", goal=Goal(0.7, "ratio at least"), options=options,
        )  # fmt: skip


def measure_downloads(options: Options) -> Iterator[Result | LeftOut]:
    figure, size = "download against nginx with the plain file", options.size or _SIZE
    with scratch(3 * size) as directory, ExitStack() as open_:
        (directory / "public").mkdir()
        plain = random_file(directory / "public" / "plain", size)
        try:
            peer = open_.enter_context(nginx(plain.parent))
        except ProgramMissing as error:
            yield LeftOut(figure, str(error))
            return
        server = open_.enter_context(new_vault(directory).serving())
        ours, theirs = open_.enter_context(_client(server)), open_.enter_context(_client(peer))
        content = _store(ours, plain)
        yield compare(
            figure, lambda: _download(ours, content, size), lambda: _download(theirs, "/plain", size),
            unit="MB/s", goal=Goal(0.6, "ratio at least"), options=options,
        )  # fmt: skip


def measure_ranges(options: Options) -> Iterator[Result | LeftOut]:
    """Time to the first byte, in milliseconds: the mean of many single bytes at random offsets."""
    size = options.size or _RANGE_SIZE
    with scratch(3 * size) as directory, ExitStack() as open_:
        plain, made = random_file(directory / "plain", size), new_vault(directory)
        place = {"BENCH_PLAIN_FILE": str(plain)}
        server = open_.enter_context(made.serving())
        same = open_.enter_context(made.serving("benchmarks.plain_vault:application", place))
        bare = open_.enter_context(granian("benchmarks.plain_file:application", directory, place))
        ours, theirs, bares = (open_.enter_context(_client(each)) for each in (server, same, bare))
        content = _store(ours, plain)
        for name, client in (("the vault sending a plain file", theirs), ("a bare WSGI application", bares)):
            yield compare(
                f"first byte of a range against {name}", _first_bytes(ours, content, size),
                _first_bytes(client, content, size), unit="ms", goal=Goal(2, "ratio at most"), options=options,
            )  # fmt: skip


def _client(server: Server) -> Client:
    return Client(server.port, token=server.token)


def _store(client: Client, plain: Path) -> str:
    """Upload it; the path of its content."""
    return f"{DOCUMENTS}/{client.send(DOCUMENTS, plain).json()['id']}/content"


def _download(client: Client, path: str, size: int) -> float:
    answer = client.get(path)
    assert answer.length == size
    return size / answer.whole / 1e6


def _first_bytes(client: Client, path: str, size: int) -> Side:
    def side() -> float:
        total = 0.0
        for _ in range(_RANGES):
            at = random.randrange(size)  # noqa: S311  # where to read, not a secret
            total += client.get(path, {"Range": f"bytes={at}-{at}"}).first_byte
        return total / _RANGES * 1000

    return side
