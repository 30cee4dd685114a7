"""What every row that points at a sealed object knows of it."""

from django.db import models


class SealedObject(models.Model):
    """Abstract: where an object's bytes are, and what is in the envelope without opening it.

    ``storage_type`` and ``storage_path`` name the provider and the object key; each row says where its own bytes are,
    so that several stores are live at once. ``size`` is the plaintext's, ``sealed_size`` the object's, both in bytes.
    ``digest`` is the SHA-256 of the whole object in hex: scrub and migration need no key. ``envelope_core``,
    ``key_block`` and ``sealed_digest`` are PREFIX and CORE, KEYBLOCK and the sealed SHA-256 of the plaintext, as
    ``encryption/FORMAT.md`` has them. ``kek_id`` is the primary's, in hex; ``recipients`` stands for all KEKs that the
    key block is wrapped for (``encryption.recipients``). Before ``retain_until`` nobody may delete it; None is any
    time.
    """

    storage_type = models.CharField("store", max_length=50, default="local")
    storage_path = models.CharField("object key", max_length=500)
    filename = models.CharField("file name", max_length=255)
    content_type = models.CharField("type", max_length=255)
    size = models.BigIntegerField(default=0)
    sealed_size = models.BigIntegerField(default=0)
    digest = models.CharField("SHA-256 of the object", max_length=64, blank=True)
    envelope_core = models.BinaryField(default=bytes)
    key_block = models.BinaryField(default=bytes)
    sealed_digest = models.BinaryField(default=bytes)
    retain_until = models.DateTimeField("kept until", null=True, blank=True)
    kek_id = models.CharField("key that seals it (KEK id)", max_length=64, blank=True)
    recipients = models.CharField("KEKs that open it", max_length=64, blank=True, editable=False)

    class Meta:
        abstract = True
