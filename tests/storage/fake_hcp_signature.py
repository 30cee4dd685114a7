"""Signature Version 4 (Amazon S3 API Reference, "Authenticating Requests"), checked with HCP's keys."""

import base64
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from tests.storage.fake_hcp_messages import Refused, Request

_HEADER = re.compile(r"AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})")
_SKEW = timedelta(minutes=15)


def check_signature(request: Request, user: str, password: str) -> None:
    """Raises Refused unless the request is signed with the Base64 of ``user`` and the MD5 of ``password``."""
    if "X-Amz-Signature" in request.query:
        credential, signed = request.query["X-Amz-Credential"], request.query["X-Amz-SignedHeaders"]
        signature, at, digest = request.query["X-Amz-Signature"], request.query["X-Amz-Date"], "UNSIGNED-PAYLOAD"
        lifetime = timedelta(seconds=int(request.query["X-Amz-Expires"]))
    else:
        match = _HEADER.fullmatch(request.headers.get("authorization", ""))
        if match is None:
            raise Refused(403, "AccessDenied")
        credential, signed, signature = match.groups()
        at, digest, lifetime = request.headers["x-amz-date"], request.headers["x-amz-content-sha256"], _SKEW
    access_key, scope = credential.split("/", 1)
    if access_key != base64.b64encode(user.encode()).decode():
        raise Refused(403, "InvalidAccessKeyId")
    started = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not started - _SKEW <= datetime.now(UTC) <= started + lifetime:
        raise Refused(403, "AccessDenied" if "X-Amz-Signature" in request.query else "RequestTimeTooSkewed")
    hashed = hashlib.sha256(_canonical(request, signed, digest).encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashed}"
    if not hmac.compare_digest(_signature(password, scope, to_sign), signature):
        raise Refused(403, "SignatureDoesNotMatch")
    if digest != "UNSIGNED-PAYLOAD" and digest != hashlib.sha256(request.body).hexdigest():
        raise Refused(400, "XAmzContentSHA256Mismatch")


def _canonical(request: Request, signed: str, digest: str) -> str:
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(request.query.items())
        if name != "X-Amz-Signature"
    )
    headers = "".join(f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed.split(";"))
    return f"{request.method}\n{request.raw_path}\n{query}\n{headers}\n{signed}\n{digest}"


def _signature(password: str, scope: str, to_sign: str) -> str:
    secret = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    key = f"AWS4{secret}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
