"""Below /api/ every error is a problem document, also one that Django answers before or behind the API."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponseBase

from documents.http.problems import PROBLEM_TYPE, problem

GetResponse = Callable[[HttpRequest], HttpResponseBase]

# What a client needs of the answer that is replaced.
KEPT = ("Allow", "Content-Range", "Accept-Ranges", "ETag", "Retry-After", "WWW-Authenticate")
DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address. The operations are listed at /api/v1/docs.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address has no such method. The operations are listed at /api/v1/docs.",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "The range lies outside the document; Content-Range has its size.",
    HTTPStatus.BAD_REQUEST: "The request is malformed. Nothing of it was kept.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The vault made a mistake. Tell your operator, with the id in 'instance'.",
}


class ApiProblemsMiddleware:
    """Gives an error below /api/ that is no problem document the form of one; status and what clients need stay."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if (
            response.status_code < HTTPStatus.BAD_REQUEST
            or not request.path.startswith("/api/")
            or request.method == "HEAD"
            or response.headers.get("Content-Type", "").startswith(PROBLEM_TYPE)
        ):
            return response
        status = HTTPStatus(response.status_code)
        code = status.phrase.lower().replace(" ", "-")
        answer = problem(status=status, code=code, detail=DETAILS.get(status, status.description or status.phrase))
        for name in KEPT:
            if value := response.headers.get(name):
                answer[name] = value
        return answer
