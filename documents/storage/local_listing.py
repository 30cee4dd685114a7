"""Walks the tree of the local provider lazily, in memory that does not grow with the count of objects."""

import heapq
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager

from documents.storage.local_tree import LocalTree, open_directory

# A file, told by its path below the root, its directory's descriptor, its name there, and its status.
Found = tuple[str, int, str, os.stat_result]
Files = Generator[Found, None, None]

# Names of one directory that are sorted in memory at a time; it is read once more for each so many.
SORTED_AT_ONCE = 1_000


def iter_files(tree: LocalTree, segments: list[str], *, may_enter: Callable[[str], bool]) -> Files:
    """Every regular file below ``segments``; directories are entered where ``may_enter(their path + "/")``.

    What vanishes while the walk goes on is passed over, and so is what is neither a file nor a directory. The
    descriptors are closed when the iterator ends or is closed.
    """
    return _from(tree, segments, lambda top, path: _walk(top, path, may_enter))


def iter_in_order(tree: LocalTree, segments: list[str], *, after: str, may_enter: Callable[[str], bool]) -> Files:
    """The same in the order of the paths, and only those greater than ``after``."""
    return _from(tree, segments, lambda top, path: _walk_in_order(top, path, after, may_enter))


def _from(tree: LocalTree, segments: list[str], walk: Callable[[int, str], Files]) -> Files:
    with ExitStack() as stack:
        try:
            top = stack.enter_context(tree.directory(segments))
        except (FileNotFoundError, NotADirectoryError):
            return
        path = "".join(f"{segment}/" for segment in segments)
        yield from stack.enter_context(closing(walk(top, path)))


def _walk(directory: int, path: str, may_enter: Callable[[str], bool]) -> Files:
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                status = os.stat(entry.name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield path + entry.name, directory, entry.name, status
            elif stat.S_ISDIR(status.st_mode) and may_enter(below := f"{path}{entry.name}/"):
                with _opened(entry.name, parent=directory) as descriptor:
                    if descriptor is not None:
                        yield from _walk(descriptor, below, may_enter)


def _walk_in_order(directory: int, path: str, after: str, may_enter: Callable[[str], bool]) -> Files:
    """What is below a directory sorts as if its own name ended in the slash: "a-/x" stands before "a/b"."""
    last = ""
    while names := heapq.nsmallest(SORTED_AT_ONCE, _names_after(directory, path, last, after)):
        for last in names:
            if not last.endswith("/"):
                try:
                    yield path + last, directory, last, os.stat(last, dir_fd=directory, follow_symlinks=False)
                except FileNotFoundError:
                    continue
            elif may_enter(path + last):
                with _opened(last[:-1], parent=directory) as descriptor:
                    if descriptor is not None:
                        yield from _walk_in_order(descriptor, path + last, after, may_enter)


def _names_after(directory: int, path: str, last: str, after: str) -> Iterator[str]:
    """The files, and with a slash at the end the directories, that come after ``last`` and may hold what is wanted."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below = f"{entry.name}/"
                if below > last and (path + below > after or after.startswith(path + below)):
                    yield below
            elif entry.is_file(follow_symlinks=False) and entry.name > last and path + entry.name > after:
                yield entry.name


@contextmanager
def _opened(name: str, *, parent: int) -> Iterator[int | None]:
    """The descriptor of a directory, or None where it vanished."""
    try:
        directory = open_directory(name, parent=parent)
    except (FileNotFoundError, NotADirectoryError):
        yield None
        return
    try:
        yield directory
    finally:
        os.close(directory)
