"""Connections are few: those of clients that say nothing end, and those to the database are shared."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx
import psycopg
from django.conf import settings

from tests.crash.client import API
from tests.crash.installation import Installation
from tests.crash.processes import web_server
from tests.crash.wire import connect
from vault.web_server import BACKPRESSURE, HEADER_SECONDS

CLIENTS = 64
# By which PostgreSQL knows the connections of the web server.
NAME = "web server of this test"
# Not those that PostgreSQL opens for itself, to vacuum or to read in parallel.
HELD = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = %s AND backend_type = 'client backend'
"""


def test_connections_that_say_nothing_hold_the_others_up_for_seconds(embedded: Installation) -> None:
    with web_server(embedded.processes) as web, ExitStack() as silent:
        for _ in range(BACKPRESSURE + 8):
            silent.enter_context(connect(web.port))
        started = time.monotonic()
        httpx.get(f"{web.url}/healthz", timeout=4 * HEADER_SECONDS).raise_for_status()
        assert time.monotonic() - started < 2 * HEADER_SECONDS


def test_any_number_of_requests_share_a_few_connections_to_postgresql(servers: Installation) -> None:
    with web_server(servers.processes, database_name=NAME) as web, servers.person.client(web.url) as client:
        with connections_counted(servers.database_url) as counts, ThreadPoolExecutor(CLIENTS) as threads:
            statuses = list(threads.map(lambda _: client.get(API).status_code, range(CLIENTS * 4)))
        assert set(statuses) == {200}
        assert 0 < max(counts) <= settings.DATABASE_CONNECTIONS


@contextmanager
def connections_counted(database_url: str) -> Iterator[list[int]]:
    """How many connections the web server had, asked again and again while the block lasts.

    Its own alone, by their name: the backends of a command that has just ended go a moment after it. The pool itself
    closes none while this lasts (psycopg_pool keeps an idle one for ten minutes), so none of these is on its way out
    while another takes its place.
    """
    counts, over = [0], threading.Event()

    def count() -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            while not over.wait(0.02):
                row = connection.execute(HELD, (NAME,)).fetchone()
                counts.append(row[0] if row else 0)

    with ThreadPoolExecutor(1) as thread:
        counting = thread.submit(count)
        try:
            yield counts
        finally:
            over.set()
            counting.result()
