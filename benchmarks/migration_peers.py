"""Other people's tools for copying a directory into a bucket, as their documentation uses them."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.programs import find_program
from tests.services.environment import s3_from_environment

Command = Sequence[str | Path]


class Peers:
    """``source`` is a directory, ``bucket`` where its files go. Raises ProgramMissing where a program is not here."""

    def __init__(self, source: Path, bucket: str) -> None:
        server = s3_from_environment()
        assert server is not None
        self._source, self._bucket, self._endpoint = source, bucket, server.endpoint_url
        # None of whoever calls: rclone refuses an AWS_CA_BUNDLE, for one.
        theirs = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
        self._environment = {
            **theirs,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_STORE_TYPE": "s3",
            "RCLONE_CONFIG_STORE_PROVIDER": "Ceph",
            "RCLONE_CONFIG_STORE_ENV_AUTH": "true",
            "RCLONE_CONFIG_STORE_ENDPOINT": server.endpoint_url,
        }

    def aws(self, prefix: str) -> None:
        """Copy with aws's own ten requests at a time; nothing is read back."""
        destination = f"s3://{self._bucket}/{prefix}"
        copy = ["s3", "cp", "--recursive", "--only-show-errors", "--endpoint-url", self._endpoint]
        self._run([find_program("aws"), *copy, self._source, destination])

    def rclone(self, prefix: str, *, at_once: int) -> None:
        """Copy, then read both sides and compare them byte for byte, ``at_once`` objects at a time."""
        rclone, destination = find_program("rclone", package="rclone"), f"store:{self._bucket}/{prefix}"
        self._run([rclone, "copy", "--transfers", str(at_once), self._source, destination])
        self._run([rclone, "check", "--download", "--checkers", str(at_once), self._source, destination])

    def _run(self, command: Command) -> None:
        subprocess.run(command, env=self._environment, check=True, capture_output=True)
