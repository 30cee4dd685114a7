"""The person behind a request that ``login_required`` let through."""

from django.contrib.auth.models import User
from django.http import HttpRequest


def signed_in(request: HttpRequest) -> User:
    """Return the request's user. For views behind ``login_required`` only: anything else is a fault of ours."""
    if not isinstance(request.user, User):
        raise TypeError("signed_in was called by a view without login_required")
    return request.user
