"""What grants access and may stand in no log: paths of links and resets, tokens, presigned URLs' signatures."""

import re

_GRANTS = re.compile(
    r"(/l/|%2Fl%2F|/accounts/password/reset/key/|/accounts/confirm-email/|Bearer\s+|\bvlt_|\bvf_"
    r"|Signature=|X-Amz-Credential=|X-Amz-Security-Token=)"
    r"[A-Za-z0-9_\-.%/+=~:]+",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return ``text`` with ``[redacted]`` in place of everything that grants access."""
    return _GRANTS.sub(r"\1[redacted]", text)
