"""What the holder of a link sees: a page for a browser, the content for everything else."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from documents.errors import LinkError, LinkLocked, LinkPasswordRequired, LinkPasswordWrong
from documents.http.caller import actor_of
from documents.http.content import content_response
from documents.http.problems import problem_response
from documents.models import Link
from documents.services.downloads import Download
from documents.services.links import check_link_password, find_link, linked_attachment, open_linked
from documents.web.forms import LinkPasswordForm


@csrf_exempt  # the token in the path is the permission; there is no session to ride on
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def open_link(request: HttpRequest, token: str) -> HttpResponseBase:
    """GET shows the page to a browser and gives the content to any other client; POST gives the content.

    A browser says ``text/html`` in Accept, and programs do not. ``?download`` asks for the content in any case.
    """
    try:
        link = find_link(token)
        if request.method == "POST":
            check_link_password(link, request.POST.get("password", ""), actor_of(request, "link"))
        elif _wants_page(request):
            return _page(request, link, LinkPasswordForm())
        else:
            check_link_password(link, "", actor_of(request, "link"))
        return _content(request, link)
    except (LinkPasswordWrong, LinkLocked, LinkPasswordRequired) as error:
        return _refused(request, link, error)
    except LinkError as error:
        return _ended(request, error)


def _content(request: HttpRequest, link: Link) -> HttpResponseBase:
    """Answer with the document. A counted link gives no ranges: each request would count, or none would."""

    def open_download(start: int, stop: int) -> Download:
        return open_linked(link, actor_of(request, "link"), start=start, stop=stop)

    if request.method == "POST":
        request.method = "GET"  # the form's POST asks for what GET gives
    return content_response(request, linked_attachment(link), open_download, ranges=link.max_downloads is None)


def _wants_page(request: HttpRequest) -> bool:
    return "download" not in request.GET and "text/html" in request.headers.get("Accept", "")


def _page(request: HttpRequest, link: Link, form: LinkPasswordForm, *, status: int = 200) -> HttpResponse:
    attachment = linked_attachment(link)
    context = {"link": link, "attachment": attachment, "form": form, "protected": bool(link.password)}
    return _private(render(request, "links/open.html", context, status=status))


def _refused(request: HttpRequest, link: Link, error: LinkError) -> HttpResponse:
    if "text/html" not in request.headers.get("Accept", ""):
        return problem_response(error)
    form = LinkPasswordForm(request.POST if request.method == "POST" else None)
    if form.is_bound:
        form.add_error("password", str(error))
    page = _page(request, link, form, status=error.status)
    if isinstance(error, LinkLocked):
        page["Retry-After"] = str(int(error.retry_after.total_seconds()))
    return page


def _ended(request: HttpRequest, error: LinkError) -> HttpResponse:
    if "text/html" not in request.headers.get("Accept", ""):
        return problem_response(error)
    return _private(render(request, "links/ended.html", {"error": error}, status=error.status))


def _private(response: HttpResponse) -> HttpResponse:
    """The address of this page is a secret: it must not travel in a Referer, nor into a search engine."""
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex, nofollow"
    return response
