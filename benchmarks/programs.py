"""Peers that are programs of the distribution, or of this environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.services.install import can_install, install


class ProgramMissing(Exception):
    """A peer's program is not here and cannot be installed; the message says why."""


def find_program(name: str, *, package: str = "") -> str:
    """Return the program's path. As root on Debian or Ubuntu ``package`` is installed first. Raises ProgramMissing."""
    if not _installed(name) and package and can_install():
        try:
            install([package])
        except subprocess.CalledProcessError as error:
            raise ProgramMissing(f"{name} could not be installed from the distribution") from error
    if program := _installed(name):
        return program
    if package:
        raise ProgramMissing(f"{name} is not installed, and only root on Debian or Ubuntu can install it here")
    raise ProgramMissing(f"{name} is not installed")


def _installed(name: str) -> str | None:
    """Of this environment first, so that the version is the one that is pinned."""
    own = str(Path(sys.executable).parent)
    return shutil.which(name, path=f"{own}:{os.environ.get('PATH', '')}:/usr/sbin")
