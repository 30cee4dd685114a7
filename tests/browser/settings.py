"""The vault's settings, with passwords hashed quickly, and static files beside the test's other data."""

import os
from pathlib import Path

from vault.settings import *  # noqa: F403

# The pages are under test; what a password costs to guess is tested elsewhere.
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
STATIC_ROOT = Path(os.environ["BROWSER_STATIC_ROOT"])
