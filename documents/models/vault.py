"""The vault itself: one row that says which vault this database belongs to."""

import uuid

from django.db import models


class Vault(models.Model):
    """The only row of its table. ``vault_id`` is sealed into every envelope, so an object cannot change vaults."""

    vault_id = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="vault_is_one")]

    def __str__(self) -> str:
        return str(self.vault_id)

    @classmethod
    def current_id(cls) -> uuid.UUID:
        """This vault's id, made at the first call. Two first calls at once agree: the primary key is fixed."""
        return cls.objects.get_or_create(pk=1)[0].vault_id
