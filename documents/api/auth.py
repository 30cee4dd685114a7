"""Bearer tokens: who they are, and what they may."""

from django.http import HttpRequest
from ninja.security import HttpBearer

from documents.errors import ScopeMissing
from documents.models import ApiToken
from documents.services.tokens import find_token


class TokenAuth(HttpBearer):
    """Accepts ``Authorization: Bearer <token>`` of a live token and makes its user the request's."""

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        row = find_token(token)
        if row:
            request.user = row.user
        return row


def require_scope(request: HttpRequest, scope: str) -> None:
    """Raise ScopeMissing unless the request's token has ``scope``."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]  # set by ninja from TokenAuth
    if scope not in token.scopes:
        raise ScopeMissing(scope)
