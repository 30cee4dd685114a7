"""Second factors: that they are there and when they were used. What they consist of is shown to nobody.

Addresses are seen, and changed by their owners alone: an address of one's own choice would get the link that sets
somebody else's password.
"""

import allauth.account.admin
import allauth.mfa.admin  # noqa: F401  # both register what is taken back below: they show and edit secrets
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin

from documents.admin.readonly import ReadOnlyAdmin

admin.site.unregister(Authenticator)
admin.site.unregister(EmailAddress)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin):
    """Whose addresses they are and which are verified. A search takes a whole address or user name."""

    list_display = ("email", "user", "primary", "verified")
    list_select_related = ("user",)
    search_fields = ("=email", "=user__username")
    fields = list_display


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Kind and dates of each second factor. ``data``, which holds the secret, is in no list and no field."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_select_related = ("user",)
    list_filter = ("type",)
    search_fields = ("=user__username",)
    fields = list_display
