"""The names of what costs are added up by. What was deleted keeps its name."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import User

from jobs.models import ComputeEnvironment, JobDefinition, JobQueue


@dataclass(frozen=True, slots=True)
class Named:
    """What people call it, and whether it is still there."""

    name: str
    is_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """Names by id."""

    queue: dict[int, Named]
    environment: dict[int, Named]
    definition: dict[int, Named]
    owner: dict[int, Named]


def names_of(
    *,
    queues: Iterable[int],
    environments: Iterable[int],
    definitions: Iterable[int],
    owners: Iterable[int],
) -> Names:
    """Four queries."""
    queue_rows = JobQueue.with_deleted.filter(pk__in=set(queues)).values_list(
        "pk", "name", "status"
    )
    environment_rows = ComputeEnvironment.with_deleted.filter(pk__in=set(environments)).values_list(
        "pk", "name", "status"
    )
    definition_rows = JobDefinition.objects.filter(pk__in=set(definitions)).values_list(
        "pk", "name", "revision"
    )
    owner_rows = User.objects.filter(pk__in=set(owners)).values_list("pk", "username")
    return Names(
        queue={pk: Named(name, status == "DELETED") for pk, name, status in queue_rows},
        environment={pk: Named(name, status == "DELETED") for pk, name, status in environment_rows},
        definition={pk: Named(f"{name}:{revision}") for pk, name, revision in definition_rows},
        owner={pk: Named(name) for pk, name in owner_rows},
    )
