import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0003_specs_of_jobs")]

    operations = [
        migrations.RemoveField(
            model_name="job",
            name="command",
        ),
        migrations.RemoveField(
            model_name="job",
            name="environment",
        ),
        migrations.RemoveField(
            model_name="job",
            name="evaluate_on_exit",
        ),
        migrations.RemoveField(
            model_name="job",
            name="image",
        ),
        migrations.AlterField(
            model_name="job",
            name="spec",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="jobs",
                to="jobs.jobspec",
            ),
        ),
        migrations.AlterField(
            model_name="attempt", name="image", field=models.CharField(max_length=255)
        ),
    ]
