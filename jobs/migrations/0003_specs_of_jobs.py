"""Each job's own request becomes the spec that it points to; each attempt learns its image."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import F, OuterRef, Subquery

PORTION = 1000


def fill(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    # The models as they were then: not what the type checker takes them for.
    job_model: Any = apps.get_model("jobs", "Job")
    spec_model: Any = apps.get_model("jobs", "JobSpec")
    attempt_model: Any = apps.get_model("jobs", "Attempt")
    rows = job_model.objects.filter(spec=None).values(
        "id", "image", "command", "environment", "evaluate_on_exit"
    )
    while portion := list(rows.order_by("id")[:PORTION]):
        spec_model.objects.bulk_create(spec_model(**row) for row in portion)
        job_model.objects.filter(id__in=[row["id"] for row in portion]).update(spec_id=F("id"))
    image = job_model.objects.filter(id=OuterRef("job_id")).values("image")[:1]
    attempt_model.objects.filter(image="").update(image=Subquery(image))


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_batch_semantics")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
