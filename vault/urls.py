"""Every address of the vault."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from documents.api.docs import api_docs, openapi_document
from documents.api.urls import api
from documents.web import health

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # allauth's documented way

admin.site.site_header = admin.site.site_title = "Document Vault"
admin.site.index_title = "Administration"

urlpatterns = [
    path("", include("documents.web.urls")),
    path("l/", include("documents.web.link_urls")),
    path("files/", include("documents.web.file_urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/docs", api_docs, name="api-docs"),
    path("api/v1/openapi.json", openapi_document, name="api-openapi"),
    path("api/v1/", api.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]
