"""Clients of the fake HCP: the vault's own, which try once.

They are patient, so that a machine that is busy fails no test; impatient only where silence is what is tested.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from documents.storage.hcp_client import hcp_config
from documents.storage.hcp_credentials import HcpCredentials
from documents.storage.hcp_management import HcpManagement
from documents.storage.s3_client import vault_config
from tests.storage.fake_hcp import NAMESPACE, PASSWORD, TENANT, USER, FakeHcp

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


PATIENT, IMPATIENT = timedelta(seconds=30), timedelta(seconds=0.4)


def client_for(hcp: FakeHcp, *, password: str = PASSWORD, patience: timedelta = PATIENT) -> "S3Client":
    credentials = HcpCredentials.of(USER, password)
    seconds = patience.total_seconds()
    once = Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": 1})
    return boto3.client(
        "s3",
        endpoint_url=hcp.url,
        region_name="us-east-1",
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        config=vault_config(hcp_config(once)),
    )


def management_of(
    url: str,
    *,
    password: str = PASSWORD,
    tenant: str = TENANT,
    namespace: str = NAMESPACE,
    patience: timedelta = PATIENT,
) -> HcpManagement:
    return HcpManagement(
        admin_url=url,
        tenant=tenant,
        namespace=namespace,
        user=USER,
        password=password,
        connect_timeout=patience,
        read_timeout=patience,
    )
