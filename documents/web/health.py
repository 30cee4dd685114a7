"""For load balancers: is the process alive, and can it work?"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from documents.services.readiness import readiness


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


class HealthMiddleware:
    """Answers both before anything else is looked at: load balancers ask by address, and without TLS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info == "/healthz":
            return healthz(request)
        if request.path_info == "/readyz":
            return readyz(request)
        return self.get_response(request)
