"""How many requests of one client are worked on at a time."""

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from documents.web.admission import AdmissionMiddleware

MOST = 3


@pytest.fixture(autouse=True)
def few(settings: Settings) -> Iterator[None]:
    """Few at a time. As in Django's client, closing a response leaves the test's database connection open."""
    settings.VAULT = replace(settings.VAULT, max_requests_per_client=MOST)
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


def asked_by(address: str) -> HttpRequest:
    return RequestFactory().post("/upload/", b"body", content_type="text/plain", REMOTE_ADDR=address)


class Slow:
    """A view that answers when it is let go."""

    def __init__(self) -> None:
        self.inside, self.go = threading.Semaphore(0), threading.Event()

    def __call__(self, _request: HttpRequest) -> HttpResponse:
        self.inside.release()
        assert self.go.wait(10)
        return HttpResponse("done")


def test_one_address_gets_so_many_at_a_time_and_no_more() -> None:
    slow = Slow()
    admit = AdmissionMiddleware(slow)

    def whole(address: str) -> int:
        response = admit(asked_by(address))
        response.close()
        return response.status_code

    with ThreadPoolExecutor(MOST + 1) as threads:
        working = [threads.submit(whole, "192.0.2.1") for _ in range(MOST)]
        for _ in range(MOST):
            assert slow.inside.acquire(timeout=10)
        one_more = asked_by("192.0.2.1")
        refused = admit(one_more)
        assert (refused.status_code, refused["Retry-After"]) == (429, "5")
        assert one_more.read() == b"body", "nothing of it was read"
        other = threads.submit(whole, "192.0.2.2")
        assert slow.inside.acquire(timeout=10)
        slow.go.set()
        assert [done.result(10) for done in [*working, other]] == [200] * (MOST + 1)
    assert whole("192.0.2.1") == 200


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    admit = AdmissionMiddleware(lambda _request: StreamingHttpResponse([b"x"]))
    held = [admit(asked_by(f"2001:db8:1:2::{number}")) for number in range(MOST)]

    assert admit(asked_by("2001:db8:1:2:ffff::1")).status_code == 429
    assert admit(asked_by("2001:db8:1:3::1")).status_code == 200
    held.clear()


def test_a_response_collected_while_the_lock_is_held_blocks_nobody() -> None:
    admit = AdmissionMiddleware(lambda _request: HttpResponse("done"))
    nobodys = admit(asked_by("192.0.2.1"))
    nobodys.itself = nobodys  # type: ignore[attr-defined]  # only the collector of cycles frees it
    del nobodys

    with ThreadPoolExecutor(1) as thread:
        freed = thread.submit(_collect_inside, admit)
        assert freed.result(10)
        assert admit(asked_by("192.0.2.1")).status_code == 200


def _collect_inside(admit: AdmissionMiddleware) -> bool:
    with admit._lock:
        return gc.collect() > 0


def test_a_download_counts_until_it_is_closed() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    admit = AdmissionMiddleware(lambda _request: StreamingHttpResponse(endless()))
    streaming = [admit(asked_by("192.0.2.1")) for _ in range(MOST)]

    assert admit(asked_by("192.0.2.1")).status_code == 429
    streaming.pop().close()
    assert admit(asked_by("192.0.2.1")).status_code == 200


def test_a_response_that_nobody_closes_is_not_counted_for_ever() -> None:
    admit = AdmissionMiddleware(lambda _request: HttpResponse("done"))

    assert [admit(asked_by("192.0.2.1")).status_code for _ in range(MOST * 3)] == [200] * MOST * 3


def test_a_view_that_fails_does_not_count_any_more() -> None:
    def fails(_request: HttpRequest) -> HttpResponseBase:
        raise ZeroDivisionError

    admit = AdmissionMiddleware(fails)
    for _ in range(MOST * 3):
        with pytest.raises(ZeroDivisionError):
            admit(asked_by("192.0.2.1"))


def test_health_is_answered_to_any_host_without_tls_and_without_limit(settings: Settings, db: None) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["vault.example.com"]
    client = Client(headers={"host": "10.0.0.7:8000"})

    assert [client.get("/healthz").status_code for _ in range(MOST * 3)] == [200] * MOST * 3
    assert client.get("/readyz").status_code == 200
    assert client.get("/accounts/login/").status_code in (301, 400), "other pages are not"
    assert client.post("/healthz").status_code == 405
