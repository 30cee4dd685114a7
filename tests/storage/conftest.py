"""Leaves out what needs a server that is not there: such tests are not collected, and never skipped."""

import os

from tests.services.azurite import azurite_is_installed
from tests.services.environment import AZURE_URL

collect_ignore = (
    [] if AZURE_URL in os.environ or azurite_is_installed() else ["test_azure_conformance.py", "test_azure_faults.py"]
)
