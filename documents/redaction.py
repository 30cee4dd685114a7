"""What grants access and may stand in no log: paths of links and resets, tokens, presigned URLs' signatures."""

import re

_GRANTS = re.compile(
    r"(/l/|/accounts/password/reset/key/|/accounts/confirm-email/|Bearer\s+|Signature=|X-Amz-Credential=)"
    r"[A-Za-z0-9_\-.%/+=~:]+",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """Return ``text`` with ``[redacted]`` in place of everything that grants access."""
    return _GRANTS.sub(r"\1[redacted]", text)
