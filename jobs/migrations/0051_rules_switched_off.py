"""Why the server has switched a rule off, and its own lines in the audit trail."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0050_plurals")]

    operations = [
        migrations.AddField(
            model_name="eventrule",
            name="off_reason",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="door",
            field=models.CharField(
                choices=[
                    ("PAGE", "dashboard or form post"),
                    ("API", "AWS-compatible API"),
                    ("ADMIN", "administration"),
                    ("SERVER", "the server by itself"),
                ],
                max_length=8,
            ),
        ),
    ]
