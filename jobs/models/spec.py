"""What a job runs: everything of a submission that the scheduler needs not look at."""

from django.db import models


class JobSpec(models.Model):
    """The resolved request of one submission; its id is that of the job that it was submitted as.

    An array's parent and all its children share one, so that 10,000 children hold one command, and one
    environment. It never changes once it is written. What the scheduler orders and places by are columns of
    the job itself.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    image = models.CharField(max_length=255, help_text="Of the first container (main node).")
    command = models.JSONField(
        default=list, blank=True, help_text="A list of words, its parameters replaced."
    )
    environment = models.JSONField(
        default=list, blank=True, help_text='[{"name": ..., "value": ...}, ...]'
    )
    parameters = models.JSONField(default=dict, blank=True)
    container = models.JSONField(
        default=dict, blank=True, help_text="Further container properties, by AWS's member names."
    )
    ecs_properties = models.JSONField(
        default=dict, blank=True, help_text="Of a job of several containers; else empty."
    )
    node_properties = models.JSONField(
        default=dict, blank=True, help_text="Of a multi-node parallel job; else empty."
    )
    evaluate_on_exit = models.JSONField(default=list, blank=True)
    consumables = models.JSONField(
        default=list, blank=True, help_text='[{"consumableResource": ..., "quantity": ...}, ...]'
    )
    sequential = models.BooleanField(
        default=False, help_text="Of an array: each child waits for the one before."
    )
    tags = models.JSONField(default=dict, blank=True)
    propagate_tags = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.image} ({self.id})"
