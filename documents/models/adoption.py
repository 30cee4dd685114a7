"""Where documents came from that were not uploaded: adopted from an older vault, a directory or another app."""

from django.db import models

from documents.models.document import Attachment


class AdoptedSource(models.Model):
    """One source, adopted: written in the transaction that makes its document, so that none is adopted twice.

    ``identity`` is the SHA-256 of ``place`` and ``key``, by which a source is known however it is reached. ``size`` in
    bytes, ``modified_at`` and ``digest`` are of the original as it was then; ``digest`` is its SHA-256 in hex, empty
    for one that is not sealed, whose digest would confirm a guess of its content. ``attachment`` is None once the
    document was deleted: it is not adopted again. While ``in_place`` is set the attachment's object is the original
    itself.
    """

    identity = models.CharField("SHA-256 of place and key", max_length=64, unique=True)
    place = models.TextField()
    key = models.TextField("path or object key")
    size = models.BigIntegerField()
    modified_at = models.DateTimeField("changed there")
    digest = models.CharField("SHA-256 of the original", max_length=64, blank=True)
    attachment = models.ForeignKey(Attachment, null=True, on_delete=models.SET_NULL, related_name="adopted_sources")
    in_place = models.BooleanField("read in place", default=False)
    adopted_at = models.DateTimeField("adopted", auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], name="adopted_in_place", condition=models.Q(in_place=True)),
        ]

    def __str__(self) -> str:
        return f"{self.place} {self.key}"
