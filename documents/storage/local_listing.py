"""Walks the tree of the local provider lazily, in memory that does not grow with the count of objects."""

import os
import stat
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing

from documents.storage.local_tree import LocalTree, open_directory

# A file, told by its path below the root, its directory's descriptor, its name there, and its status.
Found = tuple[str, int, str, os.stat_result]


def iter_files(
    tree: LocalTree, segments: list[str], *, may_enter: Callable[[str], bool]
) -> Generator[Found, None, None]:
    """Every regular file below ``segments``; directories are entered where ``may_enter(their path + "/")``.

    What vanishes while the walk goes on is passed over, and so is what is neither a file nor a directory. The
    descriptors are closed when the iterator ends or is closed.
    """
    with ExitStack() as stack:
        try:
            top = stack.enter_context(tree.directory(segments))
        except (FileNotFoundError, NotADirectoryError):
            return
        walk = stack.enter_context(closing(_walk(top, "".join(f"{segment}/" for segment in segments), may_enter)))
        yield from walk


def _walk(directory: int, path: str, may_enter: Callable[[str], bool]) -> Generator[Found, None, None]:
    with os.scandir(directory) as entries:
        for entry in entries:
            try:
                status = os.stat(entry.name, dir_fd=directory, follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield path + entry.name, directory, entry.name, status
            elif stat.S_ISDIR(status.st_mode) and may_enter(f"{path}{entry.name}/"):
                yield from _walk_below(directory, entry.name, path, may_enter)


def _walk_below(parent: int, name: str, path: str, may_enter: Callable[[str], bool]) -> Generator[Found, None, None]:
    try:
        directory = open_directory(name, parent=parent)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        yield from _walk(directory, f"{path}{name}/", may_enter)
    finally:
        os.close(directory)
