"""rclone, somebody else's client of S3 and of the local disk: what the vault stored is compared by it."""

import shutil

from tests.services.processes import ServerFailed


def find_rclone() -> str:
    """Its path. Raises ServerFailed where it is not installed."""
    program = shutil.which("rclone")
    if program is None:
        raise ServerFailed("There is no rclone: python -m tests.services.install installs it on Debian and Ubuntu.")
    return program
