"""Where a bucket is and for which region requests to it are signed, as botocore's endpoint rules have it."""

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from mypy_boto3_s3 import S3Client

# The key of no object.
_SAMPLE = uuid.uuid4().hex
# Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header".
_SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]*/([^/,]+)/s3/aws4_request, .*")


@dataclass(frozen=True, slots=True)
class Address:
    """``base`` is what an object's key follows. ``region`` is "" where requests are not signed by Signature Version 4
    for S3 itself (directory buckets, older signatures)."""

    base: str
    region: str


class _Drafted(Exception):
    """Raised in place of sending."""

    def __init__(self, request: "AWSPreparedRequest") -> None:
        self.request = request


def watch(client: "S3Client") -> None:
    """Have ``client`` stop before it sends a draft. May be called again."""
    client.meta.events.register("before-send.s3.GetObject", _stop_draft, unique_id="documents.storage.s3_address")


def address_of(client: "S3Client", bucket: str) -> Address | None:
    """Have the client write a request, which is not sent. Raises what it raises without credentials.

    None where another thread's request came between ``watch`` and this one: ask again.
    """
    try:
        client.get_object(Bucket=bucket, Key=_SAMPLE)["Body"].close()
    except _Drafted as drafted:
        signature = _SIGNATURE.fullmatch(_text(drafted.request.headers["Authorization"]))
        base = drafted.request.url.removesuffix(_SAMPLE)
        return Address(base, signature[1] if signature else "")
    except ClientError:
        pass
    return None


def _stop_draft(request: "AWSPreparedRequest", **_: Any) -> None:
    if request.url.endswith(f"/{_SAMPLE}"):
        raise _Drafted(request)


def _text(header: bytes | str) -> str:
    return header.decode() if isinstance(header, bytes) else header
