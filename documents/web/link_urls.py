"""The public side of links: no sign-in, the token is the permission."""

from django.urls import path

from documents.web import link_page

app_name = "links"

urlpatterns = [path("<str:token>", link_page.open_link, name="open")]
