"""What work cost, added up by the hour and the minute; and the budgets that it is held against."""

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q

from .attempt import Capacity
from .definition import JobDefinition
from .environment import ComputeEnvironment
from .queue import JobQueue


class CostSums(models.Model):
    """What the attempts that ended within a time cost, by what they were of.

    Idle time of instances that no job is charged with has no queue, definition and owner. What a time holds is
    replaced as a whole, so adding it up twice does no harm.
    """

    environment = models.ForeignKey(ComputeEnvironment, on_delete=models.PROTECT, db_index=False)
    capacity = models.CharField(max_length=16, choices=Capacity)
    queue = models.ForeignKey(JobQueue, on_delete=models.PROTECT, null=True, db_index=False)
    definition = models.ForeignKey(
        JobDefinition, on_delete=models.PROTECT, null=True, db_index=False
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, db_index=False
    )
    attempts = models.PositiveIntegerField(default=0)
    seconds = models.DecimalField(max_digits=18, decimal_places=6, default=Decimal(0))
    vcpu_seconds = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    gib_seconds = models.DecimalField(max_digits=20, decimal_places=6, default=Decimal(0))
    usd = models.DecimalField(max_digits=20, decimal_places=9, default=Decimal(0))
    idle_usd = models.DecimalField(max_digits=20, decimal_places=9, default=Decimal(0))
    on_demand_usd = models.DecimalField(max_digits=20, decimal_places=9, default=Decimal(0))

    class Meta:
        abstract = True


class CostTagSums(models.Model):
    """The same by one tag of the jobs, and by whose they are."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False)
    key = models.CharField(max_length=128)
    value = models.CharField(max_length=256, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    usd = models.DecimalField(max_digits=20, decimal_places=9, default=Decimal(0))
    idle_usd = models.DecimalField(max_digits=20, decimal_places=9, default=Decimal(0))
    on_demand_usd = models.DecimalField(max_digits=20, decimal_places=9, default=Decimal(0))

    class Meta:
        abstract = True


class CostHour(CostSums):
    """The sums of an hour. Written once it is over, and kept."""

    hour = models.DateTimeField()

    class Meta:
        # Sums by the hour are read from the index alone.
        indexes = [models.Index(fields=["hour", "owner", "usd", "idle_usd"], name="cost_hour_sums")]

    def __str__(self) -> str:
        return f"{self.hour}: {self.usd}"


class CostMinute(CostSums):
    """The sums of a minute. Written once it is over, and kept while a figure may end within its hour."""

    minute = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["minute", "owner"], name="cost_minute_of_owner")]

    def __str__(self) -> str:
        return f"{self.minute}: {self.usd}"


class CostTagHour(CostTagSums):
    """The sums of an hour by tag."""

    hour = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "owner", "key", "value"], name="cost_tag_hour_unique"
            ),
        ]
        indexes = [models.Index(fields=["key", "value", "hour"], name="cost_tag_hour_by_tag")]

    def __str__(self) -> str:
        return f"{self.hour} {self.key}={self.value}: {self.usd}"


class CostTagMinute(CostTagSums):
    """The sums of a minute by tag."""

    minute = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["minute", "owner", "key", "value"], name="cost_tag_minute_unique"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.minute} {self.key}={self.value}: {self.usd}"


class StaleCostHour(models.Model):
    """An hour that is to be added up again: a job's tags were changed, or an end in it was written late.

    A row for each reason, so that nobody waits for anybody; who has added the hour up takes away those that were
    there before he looked.
    """

    hour = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.hour)


class StaleCostMinute(models.Model):
    """The same of a minute. Until it is added up again, its costs are read from the rows themselves."""

    minute = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.minute)


class CostMark(models.Model):
    """Up to which moment something was done, such as hours added up; and from when on, where that is not always.

    `version` grows with each time: who has worked something out beside others sees that one of them was faster.
    """

    name = models.CharField(max_length=32, primary_key=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField()
    version = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} until {self.until}"


class BudgetScope(models.TextChoices):
    QUEUE = "QUEUE", "a job queue"
    OWNER = "OWNER", "a user"
    TAG = "TAG", "a tag"


class BudgetAction(models.TextChoices):
    """What happens at 100 %; each does what those before it do, too."""

    WARN = "WARN", "warn only"
    REFUSE = "REFUSE", "refuse submissions"
    CANCEL = "CANCEL", "refuse submissions and cancel what waits"


class Budget(models.Model):
    """What a queue, a user or a tag may cost in a calendar month (UTC)."""

    name = models.CharField(max_length=128, unique=True)
    scope = models.CharField(max_length=8, choices=BudgetScope)
    queue = models.ForeignKey(
        JobQueue, on_delete=models.CASCADE, null=True, blank=True, related_name="budgets"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="budgets",
    )
    tag_key = models.CharField(max_length=128, blank=True)
    tag_value = models.CharField(max_length=256, blank=True)
    usd_per_month = models.DecimalField(max_digits=14, decimal_places=2)
    warn_percentage = models.PositiveSmallIntegerField(default=80)
    action = models.CharField(max_length=8, choices=BudgetAction, default=BudgetAction.WARN)
    created_at = models.DateTimeField()
    # What the scheduler found last; a submission reads this, and adds nothing up itself.
    month = models.DateField(null=True, blank=True, help_text="The first day of the month.")
    spent_usd = models.DecimalField(max_digits=20, decimal_places=9, default=Decimal(0))
    spent_as_of = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    exceeded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope__in=BudgetScope.values), name="budget_scope_is_known"
            ),
            models.CheckConstraint(
                condition=Q(action__in=BudgetAction.values), name="budget_action_is_known"
            ),
            models.CheckConstraint(condition=Q(usd_per_month__gt=0), name="budget_is_positive"),
            models.CheckConstraint(
                condition=Q(scope="QUEUE", queue__isnull=False, owner__isnull=True, tag_key="")
                | Q(scope="OWNER", owner__isnull=False, queue__isnull=True, tag_key="")
                | (Q(scope="TAG", queue__isnull=True, owner__isnull=True) & ~Q(tag_key="")),
                name="budget_names_its_scope",
            ),
        ]

    def __str__(self) -> str:
        return self.name
