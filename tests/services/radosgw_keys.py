"""Further access keys of the test user, made and taken away through the gateway's admin API, as an operator does it.

https://docs.ceph.com/en/latest/radosgw/adminops/#create-key
"""

import urllib.request
from urllib.parse import urlencode

from tests.services.radosgw import USER
from tests.services.s3_server import S3Server


def create_key(server: S3Server, *, access_key: str, secret_key: str) -> None:
    """Good for all that the test user may, at once."""
    _ask(server, "PUT", {"access-key": access_key, "secret-key": secret_key, "generate-key": "false"})


def remove_key(server: S3Server, *, access_key: str) -> None:
    """Every request that is signed with it is refused from then on."""
    _ask(server, "DELETE", {"access-key": access_key})


def _ask(server: S3Server, method: str, parameters: dict[str, str]) -> None:
    # This import takes a second, and most tests do without S3.
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    query = urlencode({"key": "", "uid": USER, **parameters})
    request = AWSRequest(method, f"{server.endpoint_url}/admin/user?{query}")
    S3SigV4Auth(Credentials(server.access_key, server.secret_key), "s3", "us-east-1").add_auth(request)
    prepared = request.prepare()
    sent = urllib.request.Request(prepared.url, headers=dict(prepared.headers.items()), method=method)  # noqa: S310
    with urllib.request.urlopen(sent, timeout=30) as answer:  # noqa: S310
        answer.read()
