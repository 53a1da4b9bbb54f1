"""Plurals that the administration shows."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0049_who_takes_back"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="arraysummary",
            options={"verbose_name_plural": "array summaries"},
        ),
        migrations.AlterModelOptions(
            name="auditentry",
            options={"ordering": ["-id"], "verbose_name_plural": "audit entries"},
        ),
        migrations.AlterModelOptions(
            name="eventdelivery",
            options={"ordering": ["id"], "verbose_name_plural": "event deliveries"},
        ),
        migrations.AlterModelOptions(
            name="jobcredentials",
            options={"verbose_name_plural": "job credentials"},
        ),
        migrations.AlterModelOptions(
            name="jobdependency",
            options={"ordering": ["id"], "verbose_name_plural": "job dependencies"},
        ),
        migrations.AlterModelOptions(
            name="schedulingpolicy",
            options={"ordering": ["name"], "verbose_name_plural": "scheduling policies"},
        ),
    ]
