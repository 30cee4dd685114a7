"""A page that is watched: nothing it logs as an error, and no breach of its policy, goes unnoticed."""

import re

from playwright.sync_api import BrowserContext, ConsoleMessage

# Chromium logs every answer of 400 and above to the console. The tests assert the status where it matters.
_STATUS = re.compile(r"Failed to load resource: the server responded with a status of [45]\d\d")

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} refused ${event.blockedURI} on ${location.pathname}`));
"""


class Visit:
    """One browser context with one page, and the complaints it gave rise to.

    ``complaints_expected`` is for a page that tries what the policy forbids.
    """

    def __init__(self, context: BrowserContext, *, complaints_expected: bool = False) -> None:
        self._context, self._complaints = context, list[str]()
        self._complaints_expected = complaints_expected
        context.set_default_timeout(10_000)
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self._complaints.append(f"uncaught: {error.error}"))
        self.page = context.new_page()

    def close(self) -> list[str]:
        """End the visit; returns what the browser complained of."""
        self._context.close()
        return [] if self._complaints_expected else self._complaints

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _STATUS.search(message.text):
            self._complaints.append(f"{message.type}: {message.text}")
