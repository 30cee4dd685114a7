"""Pages for people who are signed in."""

from django.urls import path

from documents.web import deletion, editing, listing, sharing, uploading, viewing

app_name = "documents"

urlpatterns = [
    path("", listing.list_documents, name="list"),
    path("upload/", uploading.upload_page, name="upload"),
    path("upload/raw", uploading.upload_raw, name="upload-raw"),
    path("upload/staged", uploading.settle_staged, name="staged"),
    path("documents/<uuid:document_id>/", viewing.document_page, name="detail"),
    path("documents/<uuid:document_id>/content", viewing.content, name="content"),
    path("documents/<uuid:document_id>/delete", deletion.delete_page, name="delete"),
    path("documents/<uuid:document_id>/edit", editing.edit_page, name="edit"),
    path("documents/<uuid:document_id>/links", sharing.create_document_link, name="create-link"),
    path("links/", sharing.list_links, name="links"),
    path("links/<uuid:link_id>/revoke", sharing.revoke, name="revoke-link"),
]
