"""Bearer tokens of the API."""

import uuid

from django.conf import settings
from django.db import models


class ApiToken(models.Model):
    """A person's key to the API. Only the SHA-256 of the token is kept; ``prefix`` helps its owner to recognise it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=12, editable=False)
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField("made", auto_now_add=True)
    expires_at = models.DateTimeField("ends", null=True, blank=True)
    revoked_at = models.DateTimeField("revoked", null=True, blank=True)
    last_used_at = models.DateTimeField("last used", null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return f"{self.prefix}…"
