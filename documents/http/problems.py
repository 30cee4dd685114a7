"""Errors for machines: problem details (RFC 9457)."""

from http import HTTPStatus
from math import ceil

import structlog
from django.http import JsonResponse

from documents.errors import KeyServiceRefused, LinkLocked, LinkPasswordRequired, VaultError
from documents.http.caller import request_id

log = structlog.get_logger(__name__)

PROBLEM_TYPE = "application/problem+json"


def problem_response(error: VaultError) -> JsonResponse:
    """Return the problem document of a vault error, with its status and the headers that status asks for."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request_refused", code=error.code, error=str(error))
    response = problem(status=error.status, code=error.code, detail=error.for_people())
    if isinstance(error, LinkLocked):
        response["Retry-After"] = str(int(error.retry_after.total_seconds()))
    if isinstance(error, LinkPasswordRequired):
        response["WWW-Authenticate"] = 'Form realm="link"'
    if isinstance(error, KeyServiceRefused):
        response["Retry-After"] = str(ceil(error.retry_after.total_seconds()))
    elif error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "60"
    return response


def problem(*, status: int, code: str, detail: str) -> JsonResponse:
    """Return a problem document. ``instance`` names the request in the log, not the path: paths may hold tokens."""
    body = {
        "type": f"urn:document-vault:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if logged_as := request_id():
        body["instance"] = f"urn:request:{logged_as}"
    return JsonResponse(body, status=status, content_type=PROBLEM_TYPE)
