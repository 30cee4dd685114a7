"""For load balancers and monitoring: is the process alive, can it work, and what did it do?"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.request import split_domain_port
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from documents.services.metrics import exposition
from documents.services.readiness import readiness
from documents.wiring import vault_config


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. No I/O."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """200 where every part answers, 503 with the names of those that do not. Reasons stand in the log."""
    parts = readiness()
    return JsonResponse(
        {name: "ok" if fine else "failed" for name, fine in parts.items()}, status=200 if all(parts.values()) else 503
    )


# What proxies add to a request that they pass on.
_OF_PROXIES = ("Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto")


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus reads: with VAULT_METRICS_TOKEN as a bearer token; without one, from this machine alone."""
    if not _may_read_metrics(request):
        return HttpResponse("Send VAULT_METRICS_TOKEN as a bearer token.\n", status=401, content_type="text/plain")
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _may_read_metrics(request: HttpRequest) -> bool:
    if token := vault_config().metrics_token:
        given = request.headers.get("Authorization", "")
        return constant_time_compare(given, f"Bearer {token}")
    # What a proxy passes on comes from this machine too; and a page elsewhere can make a browser here ask, by a name.
    is_passed_on = settings.BEHIND_PROXY or any(name in request.headers for name in _OF_PROXIES)
    host, _port = split_domain_port(request.headers.get("Host", ""))
    is_local = host in ("localhost", "127.0.0.1", "[::1]") and request.META.get("REMOTE_ADDR") in ("127.0.0.1", "::1")
    return is_local and not is_passed_on


class HealthMiddleware:
    """Answers before anything else is looked at: load balancers ask by address, and without TLS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/healthz":
            return healthz(request)
        if request.path_info == "/readyz":
            return readyz(request)
        if request.path_info == "/metrics":
            return metrics(request)
        return self.get_response(request)
