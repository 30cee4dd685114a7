"""The report of a run as a download, in any of its forms."""

from django.http import Http404, HttpRequest, StreamingHttpResponse
from django.views.decorators.http import require_safe

from migrations_tools.admin.access import run_for
from migrations_tools.reports.writing import pieces_of_report

# The name of each form, the ending of its file and its media type.
FILES = {
    "text": ("txt", "text/plain; charset=utf-8"),
    "json": ("json", "application/json"),
    "csv": ("csv", "text/csv; charset=utf-8"),
    "html": ("html", "text/html; charset=utf-8"),
}


@require_safe
def report(request: HttpRequest, pk: int, form: str) -> StreamingHttpResponse:
    """Computed while it is sent, in flat memory. Each is a file to keep, also the HTML: no page of this site."""
    run = run_for(request, pk)
    if form not in FILES:
        raise Http404
    ending, media_type = FILES[form]
    return StreamingHttpResponse(
        pieces_of_report(run, form),
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="migration-run-{run.pk}.{ending}"'},
    )
