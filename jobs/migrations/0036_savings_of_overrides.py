from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0035_price_of_extra_storage"),
    ]

    operations = [
        migrations.AddField(
            model_name="rightsizing",
            name="overrides_saving_usd",
            field=models.DecimalField(
                blank=True,
                decimal_places=9,
                help_text="The same of jobs that asked for another size than the definition's.",
                max_digits=20,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="rightsizing",
            name="saving_usd",
            field=models.DecimalField(
                blank=True,
                decimal_places=9,
                help_text="What of that those of the definition's size would not have cost with the request that fits.",
                max_digits=20,
                null=True,
            ),
        ),
    ]
