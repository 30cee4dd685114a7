"""Which files of a provider this process has open."""

from contextlib import suppress
from pathlib import Path


def open_below(root: Path) -> list[str]:
    """What the descriptors of this process lead to, of all that is or was below ``root``, and ``root`` itself.

    Descriptors of others do not count: libraries and other tests leave theirs to the garbage collector, which closes
    them when it likes.
    """
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that lists them, or one that was closed meanwhile
            target = descriptor.readlink()
            if target.is_relative_to(root.resolve()):
                found.append(str(target))
    return found
