"""API tokens: seen, and ended. They are made with ``manage.py create_api_token``."""

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize

from documents.admin.readonly import ReadOnlyAdmin
from documents.http.caller import actor_of
from documents.models import ApiToken
from documents.services.tokens import end_token


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens by their prefix: of the rest the vault keeps a hash. To end one asks for ``change_apitoken``."""

    list_display = ("prefix", "user", "name", "created_at", "expires_at", "revoked_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("=prefix", "=user__username")
    fields = (*list_display, "scopes")
    actions = ("revoke_tokens",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("documents.change_apitoken")

    @admin.action(description="Revoke the selected tokens", permissions=["revoke"])
    def revoke_tokens(self, request: HttpRequest, tokens: QuerySet[Model]) -> None:
        """End each token now, audited as the member of staff who did it."""
        ended = sum(end_token(token, actor_of(request, "admin")) for token in tokens if isinstance(token, ApiToken))
        self.message_user(request, f"{ended} token{pluralize(ended)} revoked.", messages.SUCCESS)
