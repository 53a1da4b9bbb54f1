"""The token that fetches a job's credentials is derived, and kept nowhere."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0015_events")]

    operations = [
        migrations.RemoveField(model_name="jobcredentials", name="fetch_digest"),
        migrations.AlterField(
            model_name="jobcredentials",
            name="expires_at",
            field=models.DateTimeField(help_text="Fetched again, they are good for longer."),
        ),
    ]
