"""The KEKs that this vault has had: what a directory of PEM files cannot tell."""

from django.db import models


class KekRecord(models.Model):
    """One KEK of the key ring, by its id in hex; never a key.

    ``made_primary_at`` and ``made_recovery_at`` are the last times it became so, ``replaced_at`` when others took its
    place: it seals no more. A KEK is *retired* once it was shown that nothing is wrapped for it; *destroying* it takes
    two steps, of which ``destruction_due_at`` is the earliest time for the second. From ``destruction_begun_at`` on
    there is no way back.
    """

    class Purpose(models.TextChoices):
        PRIMARY = "primary", "seals and opens"
        RECOVERY = "recovery", "recovery, kept offline"

    kek_id = models.CharField("KEK id", max_length=64, unique=True)
    purpose = models.CharField(max_length=8, choices=Purpose.choices, default=Purpose.PRIMARY)
    wrap_type = models.PositiveSmallIntegerField("stanza type", default=1)
    bits = models.PositiveIntegerField("bits of the RSA key", default=3072)
    created_at = models.DateTimeField("first seen", auto_now_add=True)
    made_primary_at = models.DateTimeField("primary since", null=True, blank=True)
    made_recovery_at = models.DateTimeField("recovery since", null=True, blank=True)
    replaced_at = models.DateTimeField("replaced", null=True, blank=True)
    retired_at = models.DateTimeField("retired", null=True, blank=True)
    destruction_due_at = models.DateTimeField("may be destroyed from", null=True, blank=True)
    destruction_begun_at = models.DateTimeField("destruction begun", null=True, blank=True)
    destroyed_at = models.DateTimeField("destroyed", null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "KEK"
        verbose_name_plural = "KEKs"

    def __str__(self) -> str:
        return self.kek_id[:16]
