"""Adding tags to a resource, and taking them off. Source: AWS Batch API, `TagResource` and `UntagResource`."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from jobs import changes
from jobs.domain import ids, variables
from jobs.domain.errors import NotFound
from jobs.domain.validation import Checker
from jobs.models import Job
from jobs.selectors.tags import Tagged, tags_of
from jobs.services.costs.stale_hours import add_up_again
from jobs.services.search.follow import index_again, lock_index


def add_tags(*, row: Tagged, tags: Mapping[str, object]) -> None:
    """Sets these tags, and leaves others as they are.

    Raises InvalidInput (also if there were too many with those that it has), or NotFound if the resource was
    deleted meanwhile.
    """
    checker = Checker()
    empty: dict[str, str] = {}
    clean = checker.check("tags", variables.tags, tags, empty)
    checker.done()
    _change(row, lambda before: {**before, **clean})


def remove_tags(*, row: Tagged, keys: Iterable[str]) -> None:
    """Takes off the tags with these keys; for a key that it does not have there is nothing to do.

    Raises NotFound if the resource was deleted meanwhile.
    """
    gone = set(keys)
    _change(row, lambda before: {key: before[key] for key in before if key not in gone})


def _change(row: Tagged, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    with transaction.atomic():
        if isinstance(row, Job):
            # Before the job, which others wait for: who writes the index may hold it for a while.
            lock_index()
        # Locked: of two that change tags at once, neither undoes the other.
        rows: QuerySet[Any] = type(row).objects.select_for_update(no_key=True)
        locked: Tagged | None = rows.filter(pk=row.pk).first()
        if locked is None:
            raise NotFound("It was deleted.")
        after = change(tags_of(locked))
        checker = Checker()
        checker.check("tags", lambda _: variables.check_tag_count(after), None, None)
        checker.done()
        locked.tags = after
        locked.save(update_fields=["tags"])
        if isinstance(locked, Job):
            add_up_again(locked)
            index_again([locked.pk])
            changes.publish([changes.job_topic(ids.parent_id(locked.pk))])
