"""The S3 server of a test run: RADOS Gateway where it is installed, moto elsewhere."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from tests.services.moto_server import moto_server
from tests.services.radosgw import PROGRAMS, radosgw

ACCESS_KEY, SECRET_KEY = "vaulttestaccess", "vault-test-secret-key"


@dataclass(frozen=True, slots=True)
class S3Server:
    """``kind`` "radosgw" checks signatures and expiry as Amazon does; "moto" checks neither."""

    endpoint_url: str
    access_key: str
    secret_key: str
    kind: Literal["radosgw", "moto"]


@contextmanager
def s3_server() -> Iterator[S3Server]:
    if radosgw_is_installed():
        with radosgw(access_key=ACCESS_KEY, secret_key=SECRET_KEY) as endpoint_url:
            yield S3Server(endpoint_url, ACCESS_KEY, SECRET_KEY, "radosgw")
    else:
        sys.stderr.write("RADOS Gateway is not installed: S3 is tested against moto, which checks no signatures.\n")
        with moto_server() as endpoint_url:
            yield S3Server(endpoint_url, ACCESS_KEY, SECRET_KEY, "moto")


def radosgw_is_installed() -> bool:
    return all(shutil.which(program) for program in PROGRAMS)
