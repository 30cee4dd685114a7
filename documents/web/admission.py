"""How many requests of one client are worked on at a time: a few slow ones of one address cannot take every thread."""

import threading
import weakref
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from queue import SimpleQueue

from django.http import HttpRequest, HttpResponseBase

from documents.http.caller import client_network
from documents.http.problems import problem
from documents.wiring import vault_config

RETRY_AFTER_SECONDS = 5


class AdmissionMiddleware:
    """Refuses, before its body is read, what is beyond VAULT_MAX_REQUESTS_PER_CLIENT in this process.

    A request counts until its response is closed, so a download counts while it streams. One over a Unix socket has no
    address and is not counted.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self._in_progress: Counter[str] = Counter()
        self._lock = threading.Lock()
        # Who left is only noted, and counted by the next that enters: a response may be collected while this very
        # thread holds the lock. A SimpleQueue is made for that ("reentrant", says its documentation).
        self._left: SimpleQueue[str] = SimpleQueue()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        client = client_network(request)
        if client is None:
            return self.get_response(request)
        if not self._enter(client):
            refusal = problem(
                status=HTTPStatus.TOO_MANY_REQUESTS,
                code="too-many-requests",
                detail="Too many requests from your address are in progress. Let some of them end, then try again.",
            )
            refusal["Retry-After"] = str(RETRY_AFTER_SECONDS)
            return refusal
        try:
            response = self.get_response(request)
        except BaseException:
            self._left.put(client)
            raise
        # Once: when the server closes the response, or at the latest when nobody holds it any more.
        leave = weakref.finalize(response, self._left.put, client)
        response._resource_closers.append(leave)  # type: ignore[attr-defined]  # Django has no public way
        return response

    def _enter(self, client: str) -> bool:
        with self._lock:
            self._count_those_who_left()
            if self._in_progress[client] >= vault_config().max_requests_per_client:
                return False
            self._in_progress[client] += 1
            return True

    def _count_those_who_left(self) -> None:
        while not self._left.empty():
            client = self._left.get()
            self._in_progress[client] -= 1
            if not self._in_progress[client]:
                del self._in_progress[client]
