"""What was moved, as somebody else's program sees it: rclone, which downloads both sides and compares them."""

import os
import subprocess
from pathlib import Path

from tests.crash.leftovers import Bucket, Directory
from tests.crash.moving import Moving, migrate, upload_some
from tests.crash.processes import web_server
from tests.services.rclone import find_rclone
from tests.services.s3_server import S3Server


def test_rclone_finds_the_same_objects_in_both_stores(moving_servers: Moving, s3_server: S3Server) -> None:
    moving, vault = moving_servers, moving_servers.vault
    upload_some(vault, 8)
    with web_server(vault.processes) as web, vault.person.client(web.url) as client:
        vault.person.upload(client, os.urandom(9_000_000))  # in parts
    status, told = migrate(vault, "s3", "--inline")
    assert status == 0, told
    disk, bucket = moving.stores["local"], moving.stores["s3"]
    assert isinstance(disk, Directory)
    assert isinstance(bucket, Bucket)

    compared = compare(disk.root / "documents", f"{bucket.name}/documents", s3_server)

    assert compared.returncode == 0, compared.stderr
    assert "9 matching files" in compared.stderr

    # The control: the sources are kept, and one is changed in a byte.
    damaged = disk.root / min(key for key in disk.objects() if key.startswith("documents/"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    compared = compare(disk.root / "documents", f"{bucket.name}/documents", s3_server)
    assert compared.returncode == 1
    assert "1 differences found" in compared.stderr


def compare(directory: Path, place: str, s3: S3Server) -> subprocess.CompletedProcess[str]:
    """Download everything from both, and compare each byte."""
    # None of whoever calls: rclone refuses an AWS_CA_BUNDLE, for one.
    environment = {
        "PATH": os.environ["PATH"],
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_STORE_TYPE": "s3",
        "RCLONE_CONFIG_STORE_PROVIDER": "Ceph",
        "RCLONE_CONFIG_STORE_ENDPOINT": s3.endpoint_url,
        "RCLONE_CONFIG_STORE_ACCESS_KEY_ID": s3.access_key,
        "RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY": s3.secret_key,
    }
    return subprocess.run(
        [find_rclone(), "check", "--download", directory, f"store:{place}"],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
