"""Second factors: that they are there and when they were used. What they consist of is shown to nobody."""

import allauth.mfa.admin  # noqa: F401  # registers what is taken back below: it shows and edits the secrets
from allauth.mfa.models import Authenticator
from django.contrib import admin

from documents.admin.readonly import ReadOnlyAdmin

admin.site.unregister(Authenticator)


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("type",)
    search_fields = ("=user__username",)
    fields = list_display
