"""Rules that send events to other places, and what of them is sent or waits for it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

# The `FollowMark` of who looks for events that match.
EVENTS_MARK = "events"


class TargetKind(models.TextChoices):
    """How a rule sends."""

    WEBHOOK = "WEBHOOK", "webhook"
    EMAIL = "EMAIL", "e-mail"


class EventRule(models.Model):
    """Sends the events of its owner that match its pattern to its target; see `services.sending`.

    Its own row is the lock of its deliveries' coming and going. `next_at`: when something is to be done for it; empty:
    nothing waits. Who sends moves it on by as long as he may take, and writes `claim`: if he dies, another takes over
    then. `failures` counts tries one after the other at which the receiver did not answer as it should. `off_reason`:
    why the server has switched it off; empty where it is on, or somebody has switched it off himself.
    """

    name = models.CharField(max_length=128, unique=True)
    description = models.CharField(max_length=255, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="event_rules"
    )
    is_enabled = models.BooleanField(default=True)
    off_reason = models.TextField(default="", blank=True)
    pattern = models.JSONField(help_text="EventBridge's event pattern.")
    target_kind = models.CharField(max_length=16, choices=TargetKind)
    address = models.CharField(max_length=1000, help_text="A URL, or an e-mail address.")
    encrypted = models.BinaryField(
        default=bytes, blank=True, help_text="What webhooks are signed with."
    )
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    since = models.DateTimeField(help_text="Events from before are not sent.")
    next_at = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)
    last_sent_at = models.DateTimeField(null=True, blank=True)
    passed_over = models.PositiveBigIntegerField(
        default=0, help_text="Events that were not put down because too many waited."
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(target_kind__in=TargetKind.values), name="event_rule_target_is_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_at"],
                name="event_rule_due",
                condition=Q(is_enabled=True, next_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


class EventKind(models.TextChoices):
    """Which table tells of an event; TEST: none, it was made to try a rule."""

    JOB = "JOB"
    NODE = "NODE"
    BLOCK = "BLOCK"
    ALARM = "ALARM"
    TEST = "TEST"


class DeliveryState(models.TextChoices):
    WAITING = "WAITING", "waiting"
    SENT = "SENT", "sent"
    GIVEN_UP = "GIVEN_UP", "given up"


class EventDelivery(models.Model):
    """One event that matched a rule. The event itself is not here: it is written of its row when it is sent.

    `row_id` is that row's; `name` and `status` are what a list says of it.
    """

    rule = models.ForeignKey(
        EventRule, on_delete=models.CASCADE, related_name="deliveries", db_index=False
    )
    kind = models.CharField(max_length=8, choices=EventKind)
    row_id = models.BigIntegerField(null=True, blank=True)
    job_id = models.UUIDField(null=True, blank=True)
    name = models.CharField(max_length=140, blank=True)
    status = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(help_text="When it happened.")
    put_down_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=DeliveryState, default=DeliveryState.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "event deliveries"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=DeliveryState.values), name="event_delivery_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=EventKind.values), name="event_delivery_kind_is_known"
            ),
            # An event is put down once for a rule.
            models.UniqueConstraint(
                fields=["rule", "kind", "row_id"], name="event_delivery_unique"
            ),
        ]
        indexes = [
            models.Index(fields=["rule", "-id"], name="event_delivery_newest"),
            models.Index(
                fields=["rule", "next_at", "id"],
                name="event_delivery_waiting",
                condition=Q(state="WAITING"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.kind} {self.name} {self.status} {self.state}"
