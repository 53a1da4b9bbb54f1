"""Instance types, instances (reservations on engines' machines), and how much Spot capacity was asked for."""

from decimal import Decimal

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, StrIndex, Substr

from .engine import Engine, Node
from .environment import ComputeEnvironment


class Architecture(models.TextChoices):
    X86_64 = "x86_64"
    ARM64 = "arm64"


class InstanceType(models.Model):
    """A size of instance with its prices. The catalogue is loaded; owners edit it and add types of their own.

    A custom type may be priced by what its machine cost: `purchase_usd` over `lifetime_years`, and
    `watts` at `usd_per_kwh`; `usd_per_hour` is then worked out when it is written.
    """

    name = models.CharField(max_length=128, unique=True)
    family = models.GeneratedField(
        # What stands before the dot, for lists in the order of sizes.
        expression=Substr("name", 1, StrIndex(Concat("name", Value(".")), Value(".")) - 1),
        output_field=models.CharField(max_length=128),
        db_persist=True,
    )
    milli_vcpus = models.PositiveIntegerField()
    memory_mib = models.PositiveIntegerField()
    gpus = models.PositiveSmallIntegerField(default=0)
    gpu_name = models.CharField(max_length=64, blank=True)
    architecture = models.CharField(
        max_length=16, choices=Architecture, default=Architecture.X86_64
    )
    usd_per_hour = models.DecimalField(
        max_digits=14, decimal_places=6, help_text="On-Demand, in US dollars."
    )
    spot_usd_per_hour = models.DecimalField(
        max_digits=14,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="Where nobody else wants the capacity. Empty: not to be had as Spot.",
    )
    region = models.CharField(max_length=64, blank=True, help_text="Where the prices hold.")
    priced_on = models.DateField(null=True, blank=True, help_text="Of which day the prices are.")
    is_custom = models.BooleanField(default=False)
    purchase_usd = models.DecimalField(max_digits=14, decimal_places=2, null=True, blank=True)
    lifetime_years = models.DecimalField(max_digits=5, decimal_places=2, null=True, blank=True)
    watts = models.PositiveIntegerField(null=True, blank=True)
    usd_per_kwh = models.DecimalField(max_digits=8, decimal_places=4, null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(milli_vcpus__gt=0) & Q(memory_mib__gt=0),
                name="instance_type_has_a_size",
            ),
            models.CheckConstraint(
                condition=Q(usd_per_hour__gte=0)
                & (Q(spot_usd_per_hour__isnull=True) | Q(spot_usd_per_hour__gte=0)),
                name="instance_type_price_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(architecture__in=Architecture.values),
                name="instance_type_architecture_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["family", "milli_vcpus", "memory_mib", "name"], name="instance_type_by_size"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class InstanceState(models.TextChoices):
    """LAUNCHING until its machine has answered since; DRAINING takes no new jobs; ENDED has given its room back."""

    LAUNCHING = "LAUNCHING"
    RUNNING = "RUNNING"
    DRAINING = "DRAINING"
    ENDED = "ENDED"


class InstanceEndCause(models.TextChoices):
    NONE = "", "not ended"
    IDLE = "IDLE", "nothing ran on it for a while"
    ROOM_NEEDED = "ROOM_NEEDED", "idle, and other work needed its room"
    INTERRUPTED_FOR_ROOM = "INTERRUPTED_FOR_ROOM", "On-Demand work needed its room"
    INTERRUPTED_BY_PRICE = "INTERRUPTED_BY_PRICE", "the going Spot price passed its bid"
    REPLACED = "REPLACED", "its environment was changed"
    ENVIRONMENT_OFF = "ENVIRONMENT_OFF", "its environment was disabled or deleted"
    HOST_LOST = "HOST_LOST", "its machine is gone"


class Instance(models.Model):
    """A reservation of a type's size on a machine, for one environment; it holds its room until `ended_at` is set.

    Sizes and prices are frozen at its launch. `idle_since` is set while no attempt is on it. A Spot
    instance that is interrupted is DRAINING with a `kill_at`, when what is left on it is killed. `usd` is
    final at its end: all that it cost, of which `idle_usd` no attempt used (see `jobs.pricing`).
    """

    instance_id = models.CharField(max_length=32, unique=True)
    environment = models.ForeignKey(
        ComputeEnvironment, on_delete=models.PROTECT, related_name="instances", db_index=False
    )
    node = models.ForeignKey(
        Node, on_delete=models.PROTECT, related_name="instances", db_index=False
    )
    type_name = models.CharField(max_length=128)
    milli_vcpus = models.PositiveIntegerField()
    memory_mib = models.PositiveIntegerField()
    gpus = models.PositiveSmallIntegerField(default=0)
    is_spot = models.BooleanField(default=False)
    usd_per_hour = models.DecimalField(max_digits=14, decimal_places=6, help_text="On-Demand.")
    spot_usd_per_hour = models.DecimalField(
        max_digits=14, decimal_places=6, null=True, blank=True, help_text="At an idle engine."
    )
    bid_percentage = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of a Spot instance: of the On-Demand price, at most."
    )

    state = models.CharField(max_length=16, choices=InstanceState, default=InstanceState.LAUNCHING)
    launched_at = models.DateTimeField()
    launch_reason = models.TextField(blank=True)
    running_at = models.DateTimeField(null=True, blank=True)
    idle_since = models.DateTimeField(null=True, blank=True)
    draining_at = models.DateTimeField(null=True, blank=True)
    kill_at = models.DateTimeField(null=True, blank=True)
    end_cause = models.CharField(
        max_length=24, choices=InstanceEndCause, blank=True, default=InstanceEndCause.NONE
    )
    end_reason = models.TextField(blank=True, help_text="In words, with what needed its room.")
    ended_at = models.DateTimeField(null=True, blank=True)
    usd = models.DecimalField(max_digits=18, decimal_places=9, default=Decimal(0))
    idle_usd = models.DecimalField(max_digits=18, decimal_places=9, default=Decimal(0))
    uncharged_idle_usd = models.DecimalField(
        max_digits=18,
        decimal_places=9,
        default=Decimal(0),
        help_text="What no attempt is charged with.",
    )
    idle_charged_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When its idle time was charged to the attempts that ran on it, if any did.",
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=InstanceState.values), name="instance_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(end_cause__in=InstanceEndCause.values),
                name="instance_end_cause_is_known",
            ),
            models.CheckConstraint(
                condition=Q(state="ENDED", ended_at__isnull=False)
                | (~Q(state="ENDED") & Q(ended_at__isnull=True)),
                name="instance_end_is_whole",
            ),
        ]
        indexes = [
            models.Index(
                fields=["environment", "node"],
                condition=Q(ended_at__isnull=True),
                name="instance_live",
            ),
            models.Index(fields=["ended_at"], name="instance_ended"),
            models.Index(
                fields=["id"],
                condition=Q(ended_at__isnull=False, idle_charged_at__isnull=True),
                name="instance_idle_to_charge",
            ),
            models.Index(fields=["environment", "-id"], name="instance_of_environment"),
        ]

    def __str__(self) -> str:
        return f"{self.type_name} ({self.instance_id})"


class SpotPressure(models.Model):
    """From `at` on, how much of an engine is asked for (0 to 1): what the going Spot price follows."""

    engine = models.ForeignKey(
        Engine, on_delete=models.CASCADE, related_name="spot_pressure", db_index=False
    )
    pressure = models.DecimalField(max_digits=4, decimal_places=3)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["engine", "at"], name="spot_pressure_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.engine_id}: {self.pressure} from {self.at}"
