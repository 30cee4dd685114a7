"""The API object: its routers, its authentication, and how errors look."""

from http import HTTPStatus

import structlog
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from documents.api import documents, links
from documents.api.auth import TokenAuth
from documents.errors import DatabaseUnavailable, StorageError, VaultError
from documents.http.bodies import discard_rest
from documents.http.problems import problem, problem_response

log = structlog.get_logger(__name__)

api = NinjaAPI(
    title="Document Vault",
    version="1",
    urls_namespace="api",
    description="Errors are problem details (RFC 9457). Make a token with `manage.py create_api_token USERNAME`.",
    auth=TokenAuth(),
    docs_url=None,
    openapi_url=None,
)
api.add_router("/documents", documents.router)
api.add_router("", links.router)


@api.exception_handler(VaultError)
def vault_error(request: HttpRequest, error: VaultError) -> HttpResponse:
    """Answer with the error's problem document. Of a body that the store refused, the rest is read first, in limits."""
    if isinstance(error, StorageError):
        discard_rest(request)
    return problem_response(error)


@api.exception_handler(OperationalError)
def database_error(request: HttpRequest, error: OperationalError) -> HttpResponse:
    """Answer 503. What the database said stands in the log alone."""
    log.error("database_unavailable", error=str(error))
    discard_rest(request)
    return problem_response(DatabaseUnavailable())


@api.exception_handler(AuthenticationError)
def not_authenticated(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    """Answer 401 in the same words for a token that is missing, unknown, expired or revoked."""
    code, detail = "token-missing", "Send a token in the header 'Authorization: Bearer <token>'."
    if request.headers.get("Authorization"):
        code, detail = "token-invalid", "This token is unknown, expired or revoked, or its owner is disabled."
    response = problem(status=401, code=code, detail=detail)
    response["WWW-Authenticate"] = 'Bearer realm="document-vault"'
    return response


@api.exception_handler(ValidationError)
def not_valid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer 422 with each fault and its place in the request."""
    places = "; ".join(f"{'.'.join(str(part) for part in item['loc'][1:])}: {item['msg']}" for item in error.errors)
    return problem(status=422, code="request-invalid", detail=f"The request does not fit: {places}.")


@api.exception_handler(HttpError)
def http_error(_request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer with the status that the framework chose, such as 400 for a body that is not JSON."""
    detail = str(error)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        detail = "The body is not JSON. Send an object, {} at least, with Content-Type: application/json."
    return problem(status=error.status_code, code="request-invalid", detail=detail)
