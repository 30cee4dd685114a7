"""nginx with the plain file: what a download could cost if nothing were sealed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.programs import find_program
from benchmarks.servers import Server
from tests.services.processes import HOST, answers, free_port, running, wait_until

# Two workers with sendfile, and nothing logged: the distribution's build at its best.
_CONFIGURATION = """
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{ listen {host}:{port}; root {directory}; }}
}}
"""


@contextmanager
def nginx(directory: Path) -> Iterator[Server]:
    """Serves the files of ``directory``. Raises ProgramMissing."""
    program, port = find_program("nginx", package="nginx-light"), free_port()
    configuration, log = directory / "nginx.conf", directory / "nginx.log"
    user = "user root;\n" if os.geteuid() == 0 else ""
    configuration.write_text(user + _CONFIGURATION.format(directory=directory, host=HOST, port=port))
    command = [program, "-p", str(directory), "-c", str(configuration), "-g", "daemon off;"]
    with running(command, log=log) as process:
        wait_until(lambda: answers(port), process, log=log)
        yield Server(port, process.pid)
