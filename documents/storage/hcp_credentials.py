"""What a user name and a password become for HCP (Hitachi Content Platform): neither interface takes them as they are.

Hitachi Content Platform Tenant Management Help (MK-95HCPH002), "Authentication" of the S3 compatible API and of the
management API: both use the Base64 of the user name and the MD5 of the password, in hexadecimal digits. HCP prescribes
MD5; whoever has that digest can sign in, so it is kept as a password is.
"""

import base64
import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class HcpCredentials:
    """One account of an HCP tenant: ``access_key`` and ``secret_key`` for S3, ``authorization`` for management."""

    access_key: str
    secret_key: str = field(repr=False)

    @classmethod
    def of(cls, user: str, password: str) -> "HcpCredentials":
        """HCP makes the access key and the secret key out of a user's name and password, by Base64 and MD5."""
        return cls(
            access_key=base64.b64encode(user.encode()).decode(),
            secret_key=hashlib.md5(password.encode(), usedforsecurity=False).hexdigest(),
        )

    @property
    def authorization(self) -> str:
        """The value of the Authorization header of a management request. For no log."""
        return f"HCP {self.access_key}:{self.secret_key}"


def storage_options(*, endpoint_url: str, namespace: str, user: str, password: str) -> dict[str, str | None]:
    """Return the OPTIONS of a django-storages alias from which ``HcpProvider.from_storages`` takes its client.

    ``endpoint_url`` is the tenant's, ``https://<tenant>.<hcp>``; a namespace is what S3 calls a bucket.
    """
    credentials = HcpCredentials.of(user, password)
    return {
        "access_key": credentials.access_key,
        "secret_key": credentials.secret_key,
        # django-storages would take them from AWS_SESSION_TOKEN and AWS_S3_SESSION_PROFILE: somebody else's.
        "security_token": None,
        "session_profile": None,
        "bucket_name": namespace,
        # HCP has no regions. This is the one that a request to create a bucket does not name.
        "region_name": "us-east-1",
        "endpoint_url": endpoint_url,
    }
