"""Engines (where containers run) and their nodes (the machines)."""

from decimal import Decimal

from django.db import models
from django.db.models import Q


class EngineKind(models.TextChoices):
    DOCKER = "docker", "Docker Engine"
    FAKE = "fake", "Fake (tests and benchmarks only)"


class EngineStatus(models.TextChoices):
    UNKNOWN = "UNKNOWN"
    CONNECTED = "CONNECTED"
    UNREACHABLE = "UNREACHABLE"


class Engine(models.Model):
    """A container engine. One supervisor process follows each."""

    name = models.CharField(max_length=128, unique=True)
    kind = models.CharField(max_length=16, choices=EngineKind)
    url = models.CharField(
        max_length=255,
        blank=True,
        help_text="Such as unix:///var/run/docker.sock. Empty: as DOCKER_HOST says.",
    )
    status = models.CharField(max_length=16, choices=EngineStatus, default=EngineStatus.UNKNOWN)
    status_reason = models.TextField(blank=True)
    version = models.CharField(max_length=64, blank=True)
    boot_id = models.CharField(
        max_length=128,
        blank=True,
        help_text="Changes when the engine is started anew; empty where that cannot be told.",
    )
    cpu_overcommit = models.DecimalField(
        max_digits=4,
        decimal_places=2,
        default=Decimal(1),
        help_text="How many vCPUs are handed out for each that its machines have.",
    )
    last_seen_at = models.DateTimeField(null=True, blank=True)
    gap_from = models.DateTimeField(
        null=True, blank=True, help_text="When it was last seen before its newest restart."
    )
    gap_until = models.DateTimeField(
        null=True, blank=True, help_text="When it was seen again after its newest restart."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=EngineKind.values), name="engine_kind_is_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=EngineStatus.values), name="engine_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(cpu_overcommit__gte=1), name="engine_gives_all_of_its_cpu"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class NodeState(models.TextChoices):
    READY = "READY"
    DOWN = "DOWN"


class Node(models.Model):
    """A machine of an engine, with what it gives to jobs (already less what it keeps for itself)."""

    engine = models.ForeignKey(
        Engine, on_delete=models.CASCADE, related_name="nodes", db_index=False
    )
    name = models.CharField(max_length=255)
    instance_id = models.CharField(max_length=32, unique=True)
    state = models.CharField(max_length=16, choices=NodeState, default=NodeState.READY)
    milli_vcpus = models.PositiveIntegerField()
    memory_mib = models.PositiveIntegerField()
    gpus = models.PositiveSmallIntegerField(
        default=0,
        help_text="How many GPUs jobs may use. Docker does not tell: count them yourself.",
    )
    architecture = models.CharField(max_length=32, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["engine", "name"], name="node_name_unique_in_engine"),
            models.CheckConstraint(
                condition=Q(state__in=NodeState.values), name="node_state_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.instance_id})"


class ImagePullStatus(models.TextChoices):
    PULLING = "PULLING"
    DONE = "DONE"
    FAILED = "FAILED"


class ImagePull(models.Model):
    """The pull of one image to one engine with one login, shared by all attempts that wait for it.

    A row with a `repository` says that what is below that came to the engine with a login: who may use that
    there has to have proved that he can pull it himself (`services.attempts.registry_access`).
    """

    engine = models.ForeignKey(
        Engine, on_delete=models.CASCADE, related_name="image_pulls", db_index=False
    )
    image = models.CharField(max_length=255)
    login = models.CharField(
        max_length=32,
        blank=True,
        default="",
        help_text='With whose login: "login:" or "secret:" and its id. Empty: nobody\'s.',
    )
    repository = models.CharField(
        max_length=512,
        blank=True,
        default="",
        help_text="The image's, once a login has brought it.",
    )
    proven = models.CharField(
        max_length=64,
        blank=True,
        default="",
        help_text="Which state of the login has pulled the image; empty: none has.",
    )
    status = models.CharField(max_length=16, choices=ImagePullStatus)
    detail = models.TextField(blank=True, help_text="Progress in words, or why it failed.")
    bytes_done = models.BigIntegerField(default=0)
    bytes_total = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["engine", "image", "login"], name="image_pull_unique"),
            models.CheckConstraint(
                condition=Q(status__in=ImagePullStatus.values), name="image_pull_status_is_known"
            ),
        ]
        indexes = [models.Index(fields=["repository", "engine"], name="image_pull_private")]

    def __str__(self) -> str:
        return f"{self.image} on {self.engine_id}: {self.status}"
