"""The vault's settings, with static files collected beside the test's other data and not in the checkout."""

import os
from pathlib import Path

from vault.settings import *  # noqa: F403

STATIC_ROOT = Path(os.environ["BROWSER_STATIC_ROOT"])
