from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def add_up_from_the_oldest(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    """What was to be added up again: the mark goes back to before it."""
    oldest = apps.get_model("jobs", "StaleCostHour").objects.order_by("hour").first()
    if oldest is not None:
        marks = apps.get_model("jobs", "CostMark").objects.filter(name="hours")
        marks.filter(until__gt=oldest.hour).update(until=oldest.hour)


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0032_attempts_on_instances"),
    ]

    operations = [
        migrations.RunPython(add_up_from_the_oldest, migrations.RunPython.noop, elidable=True),
        migrations.AddField(
            model_name="costmark",
            name="version",
            field=models.PositiveBigIntegerField(default=0),
        ),
        migrations.DeleteModel(name="StaleCostHour"),
        migrations.CreateModel(
            name="StaleCostHour",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
