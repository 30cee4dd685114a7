"""What the collector remembers from one pass to the next."""

from django.db import models


class Sighting(models.Model):
    """An object that no row needed when it was seen.

    SEEN: at ``first_seen_at``, with this size and ETag; the second look is due a grace period later. TRASHED: a
    verified copy has been in the trash since ``trashed_at``, and the object itself is deleted or about to be. Every
    change is conditional on the state, so that of two collectors one makes it. ``attempts`` counts the second
    looks that were begun: what cannot be looked at or moved does not keep the others waiting.
    """

    class State(models.TextChoices):
        SEEN = "seen"
        TRASHED = "trashed"

    storage_type = models.CharField(max_length=50)
    storage_path = models.CharField(max_length=500)
    size = models.BigIntegerField()
    etag = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.SEEN)
    first_seen_at = models.DateTimeField()
    trashed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["first_seen_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["storage_type", "storage_path"], name="sighting_object_once"),
        ]
        indexes = [
            models.Index(fields=["storage_type", "state", "attempts", "first_seen_at"], name="sighting_due"),
        ]

    def __str__(self) -> str:
        return f"{self.storage_type}:{self.storage_path} ({self.state})"


class CollectedStore(models.Model):
    """How far the collector got in one store.

    ``epoch`` counts up with every pass over the store, which keeps the number too: a database whose number is the lower
    one was restored from an earlier day. ``written_epoch`` is the last that is known to have reached the store, 0
    before the first, WITHHELD while a database that was made again is not accepted for the store. ``positions`` holds,
    by prefix, the key behind which the next pass goes on listing.
    """

    WITHHELD = -1

    storage_type = models.CharField(max_length=50, unique=True)
    epoch = models.BigIntegerField(default=0)
    written_epoch = models.BigIntegerField(default=0)
    positions = models.JSONField(default=dict)

    class Meta:
        ordering = ["storage_type"]

    def __str__(self) -> str:
        return f"{self.storage_type} (epoch {self.epoch})"
