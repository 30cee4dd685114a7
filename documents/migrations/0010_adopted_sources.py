import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("documents", "0009_fill_recipients"),
    ]

    operations = [
        migrations.CreateModel(
            name="AdoptedSource",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("identity", models.CharField(max_length=64, unique=True, verbose_name="SHA-256 of place and key")),
                ("place", models.TextField()),
                ("key", models.TextField(verbose_name="path or object key")),
                ("size", models.BigIntegerField()),
                ("modified_at", models.DateTimeField(verbose_name="changed there")),
                ("digest", models.CharField(blank=True, max_length=64, verbose_name="SHA-256 of the original")),
                ("in_place", models.BooleanField(default=False, verbose_name="read in place")),
                ("adopted_at", models.DateTimeField(auto_now_add=True, verbose_name="adopted")),
                (
                    "attachment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="adopted_sources",
                        to="documents.attachment",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(condition=models.Q(("in_place", True)), fields=["id"], name="adopted_in_place")
                ],
            },
        ),
    ]
