"""A process that ends with the one that started it, so that nothing of the vault outlives its supervisor."""

import ctypes
import os
import signal
import sys

# prctl(2): the signal this process gets when its parent dies.
_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> None:
    """Have the kernel kill this process when ``parent``, its parent, dies. Ends it now where that has happened.

    Linux only: elsewhere nothing is done, and what a killed supervisor leaves has to be stopped by hand. Raises
    OSError where the kernel refuses.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it died before it could be watched
        os.kill(os.getpid(), signal.SIGKILL)


def end_with_supervisor() -> None:
    """``end_with`` the process that ``supervised_environment`` names; without it, or again, nothing happens."""
    if supervisor := os.environ.pop("VAULT_SUPERVISOR", ""):
        end_with(int(supervisor))


def supervised_environment() -> dict[str, str]:
    """The environment for a child of this process that calls ``end_with_supervisor``."""
    return {**os.environ, "VAULT_SUPERVISOR": str(os.getpid())}
