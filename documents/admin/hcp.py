"""HCP's namespace protocols: superusers see by which, and from where, the namespace can be reached, and change it.

There is no model behind these pages: HCP itself is asked each time. They are there only where HCP is configured.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from documents.admin.hcp_forms import ProtocolForm
from documents.errors import StorageError
from documents.http.caller import actor_of
from documents.services.hcp_protocols import change_protocol
from documents.storage.hcp_documents import values_of
from documents.storage.hcp_management import HcpManagement
from documents.storage.hcp_settings import HcpProtocol
from documents.wiring import hcp_management, vault_config

TITLE = "HCP namespace protocols"


def _management_for(request: HttpRequest) -> HcpManagement:
    """Raises Http404 where HCP is not configured, and PermissionDenied to all but superusers."""
    if not request.user.is_superuser:
        raise PermissionDenied
    if vault_config().hcp is None:
        raise Http404
    return hcp_management()


@require_GET
def protocols_page(request: HttpRequest) -> HttpResponse:
    """Every protocol with its settings. The first error ends it: an HCP that does not answer is asked once."""
    management = _management_for(request)
    shown, error = [], ""
    for protocol in HcpProtocol:
        try:
            shown.append((protocol.value, values_of(management.read(protocol))))
        except StorageError as problem:
            error = str(problem)
            break
    context = {"title": TITLE, "management": management, "protocols": shown, "error": error}
    return TemplateResponse(request, "admin/hcp_protocols.html", admin.site.each_context(request) | context)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def protocol_page(request: HttpRequest, protocol: str) -> HttpResponse:
    """One protocol's settings in a form. Where HCP refuses, its words stand above, and nothing typed is lost."""
    management = _management_for(request)
    if protocol not in list(HcpProtocol):
        raise Http404
    form, error = None, ""
    try:
        form = ProtocolForm(management.read(HcpProtocol(protocol)), request.POST if request.method == "POST" else None)
        if form.is_valid():
            return _changed(request, management, form)
    except StorageError as problem:
        error = str(problem)
    context = {"title": f"{TITLE}: {protocol}", "management": management, "form": form, "error": error}
    return TemplateResponse(request, "admin/hcp_protocol.html", admin.site.each_context(request) | context)


def _changed(request: HttpRequest, management: HcpManagement, form: ProtocolForm) -> HttpResponse:
    changes = change_protocol(management, form.change(), actor=actor_of(request, "admin"))
    if changes:
        names = ", ".join(found.name for found in changes)
        messages.success(request, f"Changed in HCP for {form.protocol.value}: {names}.")
    else:
        messages.info(request, f"Everything is so already for {form.protocol.value}; nothing was changed.")
    return HttpResponseRedirect(reverse("admin:hcp-protocols"))


def _with_pages(get_urls: Callable[[], list[Any]]) -> Callable[[], list[Any]]:
    def urls() -> list[Any]:
        ours: list[URLPattern] = [
            path("hcp/", admin.site.admin_view(protocols_page), name="hcp-protocols"),
            path("hcp/<str:protocol>/", admin.site.admin_view(protocol_page), name="hcp-protocol"),
        ]
        return [*ours, *get_urls()]

    return urls


def _with_entry(get_app_list: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """The pages stand in the list of applications, as if there were a model behind them."""

    def apps(request: HttpRequest, app_label: str | None = None) -> list[Any]:
        found = get_app_list(request, app_label)
        if app_label or vault_config().hcp is None or not request.user.is_superuser:
            return found
        place = reverse("admin:hcp-protocols")
        entry = {"name": "Namespace protocols", "object_name": "HcpProtocols", "admin_url": place, "add_url": None}
        return [*found, {"name": "HCP", "app_label": "hcp", "app_url": place, "models": [entry]}]

    return apps


# The admin site has no place to register a page without a model; both methods are its documented ones to extend.
admin.site.get_urls = _with_pages(admin.site.get_urls)  # type: ignore[method-assign]
admin.site.get_app_list = _with_entry(admin.site.get_app_list)  # type: ignore[method-assign]
