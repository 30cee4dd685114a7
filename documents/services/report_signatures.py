"""The vault's signature on the report of a storage migration: made, and checked, with its origin key.

Of the key ring the origin key alone is loaded: no KEK comes near a report. What is signed, and how a key is named, is
in ``documents/encryption/report_signature.py``.
"""

import structlog

from documents.encryption import report_signature
from documents.encryption.report_signature import ReportSignature
from documents.errors import ConfigurationError, KeyRingError
from documents.key_rings import origin_keys

log = structlog.get_logger(__name__)


def sign_report(body: bytes) -> ReportSignature | None:
    """Sign the canonical bytes of a report.

    None where this process cannot: it has only the origin key's public half, or no key that can be used, which is
    logged. Another process can sign the same bytes later.
    """
    try:
        return report_signature.sign_report(origin_keys(), body)
    except (ConfigurationError, KeyRingError) as error:
        log.warning("report_not_signed", error=str(error))
        return None


def can_sign_reports() -> bool:
    """Whether this process has the private half of the origin key."""
    try:
        return origin_keys().private is not None
    except (ConfigurationError, KeyRingError):
        return False


def has_signed_report(key: str, value: bytes, body: bytes) -> bool:
    """Whether this vault's origin key, named ``key``, made the signature ``value`` on these canonical bytes.

    Raises ConfigurationError or KeyRingError.
    """
    return report_signature.has_signed_report(origin_keys(), ReportSignature(key, value), body)


def known_origin_keys() -> list[str]:
    """Return the names of the origin keys that a signature is checked with. Raises as ``has_signed_report`` does."""
    return [report_signature.origin_key_id(key) for key in origin_keys().public]
