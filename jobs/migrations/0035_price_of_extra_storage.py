from decimal import Decimal

from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def fill(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """Until now attempts were priced by what was set at their end."""
    apps.get_model("jobs", "Attempt").objects.filter(ephemeral_gib__gt=0).update(
        usd_per_ephemeral_gib_hour=settings.BATCHWEB_FARGATE_USD_PER_EPHEMERAL_GIB_HOUR
    )


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0034_measured_again"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="usd_per_ephemeral_gib_hour",
            field=models.DecimalField(
                decimal_places=6,
                default=Decimal(0),
                help_text="Of that storage.",
                max_digits=12,
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
