from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("migrations_tools", "0005_refusals_and_other_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="migrationreport",
            name="successful",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="migrationreport",
            name="failed",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="migrationreport",
            name="skipped",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="migrationreport",
            name="pending",
            field=models.PositiveBigIntegerField(blank=True, null=True),
        ),
    ]
