"""The environment variables by which a test run is told where its servers are."""

import os
from typing import Literal

from tests.services.s3_server import S3Server, radosgw_is_installed

POSTGRES_URL = "TEST_POSTGRES_URL"
VALKEY_URL = "TEST_VALKEY_URL"
S3_ENDPOINT_URL = "TEST_S3_ENDPOINT_URL"
S3_ACCESS_KEY = "TEST_S3_ACCESS_KEY"
S3_SECRET_KEY = "TEST_S3_SECRET_KEY"
S3_KIND = "TEST_S3_KIND"
GCS_URL = "TEST_GCS_URL"
AZURE_URL = "TEST_AZURE_URL"


def of_s3(server: S3Server) -> dict[str, str]:
    return {
        S3_ENDPOINT_URL: server.endpoint_url,
        S3_ACCESS_KEY: server.access_key,
        S3_SECRET_KEY: server.secret_key,
        S3_KIND: server.kind,
    }


def s3_from_environment() -> S3Server | None:
    """None where no server is named. Raises KeyError where one is named by half."""
    if S3_ENDPOINT_URL not in os.environ:
        return None
    return S3Server(os.environ[S3_ENDPOINT_URL], os.environ[S3_ACCESS_KEY], os.environ[S3_SECRET_KEY], s3_kind())


def s3_kind() -> Literal["radosgw", "moto"]:
    """What the tests run against, or will when a fixture starts it; known before any server is up."""
    if S3_KIND in os.environ:
        return "moto" if os.environ[S3_KIND] == "moto" else "radosgw"
    return "radosgw" if radosgw_is_installed() else "moto"
