"""Links: a person's time-limited access, made by the vault."""

import uuid

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from documents.models.document import Attachment, Document


class LinkQuerySet(models.QuerySet["Link"]):
    """The one rule of when a link gives access, by the database's clock."""

    def live(self) -> "LinkQuerySet":
        """Links that are not expired, revoked or used up, whose document is there and whose maker may still sign in."""
        used_up = Q(max_downloads__isnull=False, downloads__gte=F("max_downloads"))
        # A subquery, not a join: Django would turn a conditional UPDATE over a join into "pk IN (SELECT …)", and then
        # PostgreSQL checks a row that a parallel claim just changed against the old state.
        makers = User.objects.filter(is_active=True)
        alive = self.filter(revoked_at=None, document__isnull=False, expires_at__gt=Now(), created_by__in=makers)
        return alive.exclude(used_up)


class Link(models.Model):
    """Access to one document for whoever holds the token, until ``expires_at`` by the database's clock.

    Only the SHA-256 of the token is kept, so a stolen database holds no usable link. ``attachment`` binds the link to
    one version; None means the current one. ``document`` is None once the document was deleted: the link then answers
    that it has ended. ``password`` is a Django password hash, or empty.
    """

    id = models.UUIDField("ID", primary_key=True, default=uuid.uuid4, editable=False)
    document = models.ForeignKey(Document, null=True, on_delete=models.SET_NULL, related_name="links")
    attachment = models.ForeignKey(Attachment, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="made by", on_delete=models.CASCADE, related_name="links"
    )
    token_sha256 = models.CharField(max_length=64, unique=True, editable=False)
    password = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField("made", auto_now_add=True)
    expires_at = models.DateTimeField("ends")
    revoked_at = models.DateTimeField("revoked", null=True, blank=True)
    max_downloads = models.PositiveIntegerField("downloads allowed", null=True, blank=True)
    downloads = models.PositiveIntegerField(default=0)
    wrong_passwords = models.PositiveIntegerField(default=0)
    locked_until = models.DateTimeField(null=True, blank=True)

    objects = LinkQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["created_by", "-created_at", "-id"], name="link_creator_newest")]

    def __str__(self) -> str:
        return str(self.id)
