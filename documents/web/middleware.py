"""Middleware of the faces: the request's log line, error pages, and staff's second factor."""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django_structlog.middlewares import RequestMiddleware

from documents.errors import VaultError
from documents.http.caller import client_ip
from documents.http.problems import problem_response
from documents.redaction import redacted

log = structlog.get_logger(__name__)
GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestLogMiddleware(RequestMiddleware):
    """A request id in every line; neither the query nor what grants access in any."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        """Return method and path for the log, with tokens of links taken out of the path."""
        return f"{request.method} {redacted(request.path)}"

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Bind the address that the audit log names too, which behind a proxy is the proxy's word."""
        structlog.contextvars.bind_contextvars(ip=client_ip(request))


class ErrorPagesMiddleware:
    """Turns a VaultError into a page that says what happened and what to do, or a problem for who wants no page."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return None for any other error: it is Django's, and becomes the page for 500."""
        if not isinstance(error, VaultError):
            return None
        if "text/html" not in request.headers.get("Accept", ""):
            return problem_response(error)
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # what becomes a problem document is logged there
            log.error("page_failed", error=str(error), code=error.code)
        return render(request, "error.html", {"error": error, "message": error.for_people()}, status=error.status)


class StaffSecondFactorMiddleware:
    """With ``VAULT_REQUIRE_STAFF_MFA`` staff see nothing but their account until they set up a second factor."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if self._must_set_up(request):
            messages.warning(request, "Your account needs a second factor before you can go on.")
            return redirect("mfa_activate_totp")
        return self.get_response(request)

    @staticmethod
    def _must_set_up(request: HttpRequest) -> bool:
        user = request.user
        return (
            settings.VAULT.require_staff_mfa
            and user.is_authenticated
            and user.is_staff
            and not request.path.startswith((reverse("account_login").removesuffix("login/"), settings.STATIC_URL))
            and not is_mfa_enabled(user)
        )
