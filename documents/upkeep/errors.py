"""What keeps a run from going on."""

import re

from documents.errors import EncryptionError, VaultError


class RunRefused(VaultError):
    """A run cannot be begun, or cannot be done to this run what was asked. The message says why, and what to do."""

    status = 409
    code = "upkeep-refused"
    public_message = "This cannot be done now."


class Halt(Exception):
    """The whole run stands still: a store, the key ring or a key service does not do what every object needs."""


class StandsAside(Exception):
    """This process cannot work on the run, and others can."""


def code_of(error: VaultError) -> str:
    """Return the class of a finding: an error's stable word, or the name of one of the errors that share a word."""
    if isinstance(error, EncryptionError):
        return re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
    return error.code
