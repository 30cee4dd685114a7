"""Note of every row for which KEKs its key block is wrapped. A row whose block cannot be read keeps none."""

from typing import Any

from django.db import migrations

from documents.encryption.recipients import digest_of_block
from documents.errors import MalformedEnvelope

MODELS = ("Attachment", "StagedAttachment", "Payload")
BATCH = 500


def fill(apps: Any, _schema_editor: Any) -> None:
    for name in MODELS:
        rows = apps.get_model("documents", name)._default_manager.filter(recipients="").order_by("pk")
        last = None
        while batch := list((rows.filter(pk__gt=last) if last else rows).only("pk", "key_block")[:BATCH]):
            by_digest: dict[str, list[Any]] = {}
            for row in batch:
                by_digest.setdefault(_digest_of(bytes(row.key_block)), []).append(row.pk)
            for digest, ids in by_digest.items():
                rows.model._default_manager.filter(pk__in=ids).update(recipients=digest)
            last = batch[-1].pk


def _digest_of(key_block: bytes) -> str:
    try:
        return digest_of_block(key_block)
    except MalformedEnvelope:
        return ""


class Migration(migrations.Migration):
    dependencies = [("documents", "0008_keys_and_upkeep")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
