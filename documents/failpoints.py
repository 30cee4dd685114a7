"""Named places where a process may be made to die, so that crash safety can be tested.

``VAULT_FAILPOINT=name`` kills the process there with SIGKILL, as a power cut would; ``VAULT_FAILPOINT=name:raise``
raises ``FailpointReached``. Without the variable, as in every production, a failpoint is one dictionary look-up.
Every name must be listed in ``NAMES``; the tests visit each.
"""

import os
import signal

NAMES = (
    "upload.intent-committed",
    "upload.header-written",
    "upload.body-sealed",
    "upload.object-stored",
    "upload.object-confirmed",
    "upload.row-staged",
    "confirm.in-transaction",
    "confirm.committed",
    "discard.row-marked",
    "discard.object-deleted",
    "deletion.in-transaction",
    "deletion.rows-deleted",
    "deletion.object-deleted",
    "payload.row-stored",
    "payload.rows-removed",
    "attributes.in-transaction",
    "attributes.committed",
    "download.opened",
    "link.claimed",
    "collect.epoch-raised",
    "collect.epoch-written",
    "collect.sighted",
    "collect.copied",
    "collect.row-trashed",
    "collect.original-deleted",
    "collect.return-begun",
    "collect.returned",
    "collect.row-purged",
    "collect.purged",
    "migrate.object-copied",
    "migrate.copy-verified",
    "migrate.in-transaction",
    "migrate.purge-marked",
    "migrate.source-deleted",
    "migrate.report-in-transaction",
    "migrate.report-kept",
    "kek.file-written",
    "kek.designated",
    "kek.destruction-begun",
    "kek.files-deleted",
    "rewrap.in-transaction",
    "rewrap.rows-written",
    "rewrap.sidecars-written",
    "reseal.in-transaction",
    "reseal.committed",
    "recover.begun",
    "recover.in-transaction",
    "recover.rows-kept",
    "recover.versions-numbered",
    "recover.database-accepted",
    "adopt.verified",
    "adopt.in-transaction",
    "adopt.committed",
    "adopt.registering",
    "adopt.registered",
    "adopt.resealing",
    "adopt.resealed",
    "adopt.file-sealed",
)


class FailpointReached(RuntimeError):
    """Raised at the failpoint that ``VAULT_FAILPOINT=name:raise`` names."""


def failpoint(name: str) -> None:
    """Die or raise here if the environment says so. ``name`` is one of ``NAMES``."""
    wanted = os.environ.get("VAULT_FAILPOINT")
    if not wanted:
        return
    if name not in NAMES:
        raise LookupError(f"{name!r} is not in failpoints.NAMES. Add it there, and a test that visits it.")
    target, _, action = wanted.partition(":")
    if target != name:
        return
    if action == "raise":
        raise FailpointReached(name)
    os.write(2, f"failpoint {name}: killed\n".encode())  # straight to stderr: no buffer survives the next line
    os.kill(os.getpid(), signal.SIGKILL)
