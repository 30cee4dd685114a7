"""Ceph's RADOS Gateway on loopback: a real S3 server, with real signatures, expiry and conditional writes.

One monitor, one object store daemon that keeps its data in memory, and the gateway, each in the foreground, without
systemd. The gateway is ready after about 15 seconds and takes about 400 MB of memory.
"""

import shutil
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.services.processes import HOST, free_port, run, running, state_directory, wait_until

USER = "vault"
PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool", "monmaptool")

# "auth none" hangs in this release, so there are keys (cephx). One copy of everything on one daemon is what a test
# wants. Without tcp_nodelay the gateway answers 22 requests a second instead of 200.
CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [v2:{host}:{monitor_port}/0]
public addr = {host}
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
osd max object name len = 1024
run dir = {directory}
admin socket = {directory}/$name.asok
pid file =
log file = {directory}/$name.log
log to stderr = false
crash dir = {directory}
keyring = {directory}/keyring
setuser match path =
[mon.a]
mon data = {directory}/mon
[osd.0]
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw]
rgw frontends = beast endpoint={host}:{port} tcp_nodelay=1
rgw data = {directory}/rgw
rgw thread pool size = 32
"""
KEYS = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *", "mgr": "allow *"},
    "client.rgw": {"mon": "allow rwx", "osd": "allow rwx"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *", "mgr": "allow profile osd"},
}


@contextmanager
def radosgw(*, access_key: str, secret_key: str) -> Iterator[str]:
    """Its endpoint URL, good for the one user that has these keys. Raises ServerFailed."""
    with state_directory("radosgw") as directory, ExitStack() as servers:
        port, monitor_port = free_port(), free_port()
        cluster = Cluster(directory, port=port, monitor_port=monitor_port)
        servers.enter_context(cluster.monitor())
        servers.enter_context(cluster.object_store())
        servers.enter_context(cluster.gateway(port))
        cluster.create_user(access_key=access_key, secret_key=secret_key)
        yield f"http://{HOST}:{port}"


class Cluster:
    """Its configuration and keys are written at once; each daemon lives as long as its block."""

    def __init__(self, directory: Path, *, port: int, monitor_port: int) -> None:
        self.directory, self.monitor_port = directory, monitor_port
        self.configuration = directory / "ceph.conf"
        self.fsid = str(uuid.uuid4())
        for name in ("mon", "osd", "rgw"):
            (directory / name).mkdir()
        self.configuration.write_text(
            CONFIGURATION.format(fsid=self.fsid, host=HOST, port=port, monitor_port=monitor_port, directory=directory)
        )
        self._create_keys()

    def _create_keys(self) -> None:
        keyring = self.directory / "keyring"
        run(["ceph-authtool", "--create-keyring", keyring])
        for name, permissions in KEYS.items():
            caps = [argument for what, how in permissions.items() for argument in ("--cap", what, how)]
            run(["ceph-authtool", keyring, "--gen-key", "-n", name, *caps])

    @contextmanager
    def monitor(self) -> Iterator[None]:
        map_file, keyring = self.directory / "monmap", self.directory / "keyring"
        address = f"[v2:{HOST}:{self.monitor_port}]"
        run(["monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", address, map_file])
        run([*self.command("ceph-mon"), "--mkfs", "-i", "a", "--monmap", map_file, "--keyring", keyring])
        with self._daemon("ceph-mon", "-i", "a"):
            yield

    @contextmanager
    def object_store(self) -> Iterator[None]:
        osd_id = str(uuid.uuid4())
        run([*self.command("ceph"), "--connect-timeout", "30", "osd", "new", osd_id])
        run([*self.command("ceph-osd"), "-i", "0", "--mkfs", "--osd-uuid", osd_id])
        with self._daemon("ceph-osd", "-i", "0"):
            run([*self.command("ceph"), "osd", "crush", "add", "osd.0", "1", "root=default", "host=localhost"])
            yield

    @contextmanager
    def gateway(self, port: int) -> Iterator[None]:
        log = self.directory / "radosgw.out"
        with running([*self.command("radosgw"), "-f", "-n", "client.rgw"], log=log) as process:
            wait_until(lambda: _answers_http(port), process, log=log)
            yield

    def create_user(self, *, access_key: str, secret_key: str) -> None:
        run(
            [*self.command("radosgw-admin"), "--admin-socket=", "-n", "client.rgw", "user", "create", f"--uid={USER}",
             f"--display-name={USER}", "--caps=users=*", f"--access-key={access_key}", f"--secret-key={secret_key}"]
        )  # fmt: skip

    def command(self, program: str) -> list[str]:
        return [shutil.which(program) or program, "-c", str(self.configuration)]

    @contextmanager
    def _daemon(self, program: str, *arguments: str) -> Iterator[None]:
        with running([*self.command(program), "-f", *arguments], log=self.directory / f"{program}.out"):
            yield


def _answers_http(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
