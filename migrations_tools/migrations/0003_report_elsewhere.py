from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("migrations_tools", "0002_items_by_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="migrationreport",
            name="elsewhere",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
    ]
