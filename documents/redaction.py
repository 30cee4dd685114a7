"""What grants access and may stand in no log: paths of links and resets, tokens, presigned URLs' signatures, and
passwords in the URLs of databases, brokers and proxies."""

import re

_GRANTS = re.compile(
    r"(/l/|%2Fl%2F|/accounts/password/reset/key/|/accounts/confirm-email/|Bearer\s+|\bvlt_|\bvf_"
    r"|Signature=|X-Amz-Credential=|X-Amz-Security-Token=)"
    r"[A-Za-z0-9_\-.%/+=~:]+",
    re.IGNORECASE,
)

# RFC 3986 section 3.2.1: user and password, before the host.
_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def redacted(text: str) -> str:
    """Return ``text`` with ``[redacted]`` in place of everything that grants access."""
    return _PASSWORD.sub(r"\1[redacted]@", _GRANTS.sub(r"\1[redacted]", text))
