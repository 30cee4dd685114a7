"""Installs the servers that tests need and PyPI does not have: ``python -m tests.services.install``.

As root on Debian or Ubuntu the missing packages come from the distribution. Anywhere else nothing is changed, and what
the tests will have to do without is printed. Azurite comes from npm, into a cache directory of the user's. Repeating is
safe and fast: nobody is asked when all is there.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from tests.services import chromium
from tests.services.azurite import azurite_is_installed, install_azurite
from tests.services.processes import ServerFailed


@dataclass(frozen=True, slots=True)
class Need:
    """A program, the packages that bring it, and what happens to the tests without it."""

    programs: tuple[str, ...]
    packages: tuple[str, ...]
    otherwise: str

    def is_met(self) -> bool:
        return any(shutil.which(program) for program in self.programs)


NEEDS = (
    Need(("radosgw",), ("radosgw",), "S3 tests run against moto, which checks neither signatures nor expiry"),
    Need(("ceph-mon",), ("ceph-mon",), "S3 tests run against moto, which checks neither signatures nor expiry"),
    Need(("ceph-osd",), ("ceph-osd",), "S3 tests run against moto, which checks neither signatures nor expiry"),
    Need(("ceph-mgr",), ("ceph-mgr",), "RADOS Gateway runs without its manager"),
    Need(chromium.PROGRAMS, ("chromium",), "browser tests cannot run"),
    Need(("node", "nodejs"), ("nodejs",), "the JavaScript reader of the envelope cannot be tested"),
    Need(("npm",), ("npm",), "azurite cannot be installed"),
    Need(("rclone",), ("rclone",), "no other client can be asked what a migration has moved"),
)


def main() -> int:
    missing = [need for need in NEEDS if not need.is_met()]
    if missing and can_install():
        install([package for need in missing for package in need.packages])
        missing = [need for need in NEEDS if not need.is_met()]
    for need in missing:
        sys.stderr.write(f"{need.programs[0]} is not installed: {need.otherwise}.\n")
    install_from_npm()
    return 0


def install_from_npm() -> None:
    """Azurite, into a directory of the tests' own. Where it cannot be had, that is said."""
    if azurite_is_installed():
        return
    sys.stderr.write("Installing azurite from npm, for the tests (once)...\n")
    try:
        install_azurite()
    except (ServerFailed, OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"azurite is not installed: nothing of Azure is tested over HTTP. {error}\n")


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """Raises CalledProcessError where apt-get cannot; its output is then on stderr."""
    sys.stderr.write(f"Installing {', '.join(packages)} from the distribution, for the tests...\n")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", "-qq", "-o=Dpkg::Use-Pty=0", *arguments],
            env=quiet, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            sys.stderr.write(done.stdout)
            done.check_returncode()


if __name__ == "__main__":
    sys.exit(main())
