"""Log groups as CloudWatch Logs has them: a name, how long logs are to be kept, tags.

A group of its own is nobody's: anybody may make one, administrators change and delete them.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from jobs.domain import variables
from jobs.domain.errors import Conflict, InvalidInput, LimitReached, NotFound
from jobs.domain.names import DEFAULT_LOG_GROUP, LOG_GROUP
from jobs.domain.validation import Checker
from jobs.models import LogGroup, LogStream

NO_GROUP = "The specified log group does not exist."
EXISTS = "The specified log group already exists"
# Of the whole installation. Nobody needs them: jobs log to a group that was not made, too.
MAX_GROUPS = 1000
TOO_MANY = (
    f"There are {MAX_GROUPS} log groups, and only administrators make more. Jobs log to groups that "
    "were not made, too."
)
# Source: CloudWatch Logs API, PutRetentionPolicy.
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


def create_log_group(*, user: User, name: str, tags: dict[str, str], now: datetime) -> LogGroup:
    """Makes a group. Raises Conflict if there is one of that name, LimitReached, or InvalidInput.

    The limit is for who is no administrator: he cannot delete what he made. Of those who make one at the same moment a
    few may come above it.
    """
    if not LOG_GROUP.fullmatch(name) or name.startswith("aws/"):
        rule = "Use 1 to 512 letters, digits and . - _ / #, and do not begin with aws/."
        raise InvalidInput({"logGroupName": [rule]})
    clean = _clean(tags)
    # Batch's own is always there, with a row or without one.
    if name == DEFAULT_LOG_GROUP:
        raise Conflict(EXISTS)
    if not user.is_staff:
        _check_room(name)
    group, is_new = LogGroup.objects.get_or_create(
        name=name, defaults={"tags": clean, "created_at": now}
    )
    if not is_new:
        raise Conflict(EXISTS)
    return group


def _check_room(name: str) -> None:
    rows = LogGroup.objects.order_by()
    if rows.count() >= MAX_GROUPS and not rows.filter(name=name).exists():
        raise LimitReached(TOO_MANY)


def delete_log_group(*, user: User, name: str) -> None:
    """Deletes a group that nothing logs to. Raises PermissionDenied, NotFound, Conflict."""
    _require_administrator(user)
    with transaction.atomic():
        group = _locked(name)
        if name == DEFAULT_LOG_GROUP or LogStream.objects.filter(group=name).exists():
            raise Conflict(
                f"The log group {name} holds logs of jobs, which are kept as long as their jobs are."
            )
        if group is None:
            raise NotFound(NO_GROUP)
        group.delete()


def set_retention(*, user: User, name: str, days: int | None, now: datetime) -> None:
    """Notes how many days logs are to be kept; None: for ever. Raises PermissionDenied, NotFound, InvalidInput."""
    _require_administrator(user)
    if days is not None and days not in RETENTION_DAYS:
        allowed = ", ".join(map(str, RETENTION_DAYS))
        raise InvalidInput({"retentionInDays": [f"{days} is none of {allowed}."]})
    with transaction.atomic():
        group = _to_change(name, now)
        group.retention_days = days
        group.save(update_fields=["retention_days"])


def tag_log_group(*, user: User, name: str, tags: dict[str, str], now: datetime) -> None:
    """Adds tags to a group, or gives them other values. Raises PermissionDenied, NotFound, InvalidInput."""
    _require_administrator(user)
    clean = _clean(tags)
    with transaction.atomic():
        group = _to_change(name, now)
        # Again: those that are there count, too.
        group.tags = _clean({**group.tags, **clean})
        group.save(update_fields=["tags"])


def untag_log_group(*, user: User, name: str, keys: list[str], now: datetime) -> None:
    """Takes tags from a group; those that it has not are no error. Raises PermissionDenied, NotFound."""
    _require_administrator(user)
    with transaction.atomic():
        group = _to_change(name, now)
        group.tags = {key: value for key, value in group.tags.items() if key not in keys}
        group.save(update_fields=["tags"])


def _locked(name: str) -> LogGroup | None:
    return LogGroup.objects.select_for_update().filter(name=name).first()


def _to_change(name: str, now: datetime) -> LogGroup:
    if name == DEFAULT_LOG_GROUP:
        # It is there whether or not it has a row; what is noted of it needs one.
        LogGroup.objects.bulk_create([LogGroup(name=name, created_at=now)], ignore_conflicts=True)
    group = _locked(name)
    if group is None:
        raise NotFound(NO_GROUP)
    return group


def _clean(tags: dict[str, str]) -> dict[str, str]:
    """By the rule of all tags. Raises InvalidInput."""
    checker = Checker()
    none: dict[str, str] = {}
    clean = checker.check("tags", variables.tags, tags, none)
    checker.done()
    return clean


def _require_administrator(user: User) -> None:
    if not user.is_staff:
        raise PermissionDenied("Only administrators change or delete log groups.")
