"""Signed paths of files that ``VaultStorage`` keeps; include them under any prefix."""

from django.urls import path

from documents.web.files import open_file

app_name = "vault-files"

urlpatterns = [path("<str:signed>", open_file, name="open")]
