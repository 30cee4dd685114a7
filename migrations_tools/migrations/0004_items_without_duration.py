import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("migrations_tools", "0003_report_elsewhere"),
    ]

    operations = [
        # Nothing ever wrote it.
        migrations.RemoveField(
            model_name="migrationitem",
            name="duration",
        ),
        migrations.AlterField(
            model_name="migrationitem",
            name="kept_item",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="migrations_tools.migrationitem",
            ),
        ),
    ]
