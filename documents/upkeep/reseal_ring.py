"""For whom a run seals anew: the recipients of the key ring when it was begun, and never those of older key files."""

from documents.encryption.keyring import KeyRing
from documents.errors import ConfigurationError, KeyRingError
from documents.key_rings import key_ring
from documents.models import UpkeepRun
from documents.services.sealing_keks import is_outdated, target_of
from documents.upkeep.errors import Halt, StandsAside

OUTDATED = (
    "The key files of a process are older than the vault's (ring.json, or its settings): it would seal for a KEK that "
    "was replaced, and seals nothing anew. Put the present ones there."
)


def present_ring(run: UpkeepRun) -> KeyRing:
    """Return the key ring that the run seals anew for.

    Raises StandsAside where this process has older key files, Halt where a rotation came since the run was begun, or
    the key files cannot be read.
    """
    try:
        ring = key_ring()
    except (KeyRingError, ConfigurationError) as error:
        raise Halt(str(error)) from error
    if is_outdated(ring):
        raise StandsAside(OUTDATED)
    # A run that an earlier release began has noted its primary alone.
    noted = run.options.get("recipients")
    if target_of(ring.recipients) != noted if noted else ring.primary.kek_id.hex() != run.options["primary"]:
        raise Halt(
            "The key ring has other recipients than when this run was begun: what is sealed anew would be for others "
            "than what was. Give the run up with --cancel, and begin another."
        )
    return ring
