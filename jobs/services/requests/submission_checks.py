"""What a submission names: queue, definition, jobs, secrets, consumable resources, paths of machines."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone

from jobs.domain import budgets, fargate
from jobs.domain.environments.host_access import host_needs, named_containers, refusals, said_of
from jobs.domain.plans import ContainerPlan, JobPlan, Work
from jobs.domain.reasons import being_deleted
from jobs.domain.secret_names import secret_names
from jobs.domain.validation import Checker, FieldError, problem_text
from jobs.models import (
    BudgetScope,
    ConsumableResource,
    DefinitionStatus,
    Job,
    JobDefinition,
    JobQueue,
    QueueState,
    QueueStatus,
    QueueType,
)
from jobs.selectors.access.secrets import usable_secrets
from jobs.selectors.budgets import refusing_budgets
from jobs.selectors.jobs import visible_jobs
from jobs.selectors.named import definition_name, definition_named, queue_named

MAX_SHOWN_CHARACTERS = 140
# Beside which field an exceeded budget is told; what a user has spent is beside none.
FIELD_OF_SCOPE = {BudgetScope.QUEUE: "queue", BudgetScope.TAG: "tags"}


def find_queue(value: object) -> JobQueue:
    """The queue of that name, or one that was read already, if it takes jobs. Raises FieldError."""
    queue = value if isinstance(value, JobQueue) else _queue_named(value)
    if queue.status == QueueStatus.DELETING:
        raise FieldError(being_deleted("job queue", queue.name))
    if queue.type == QueueType.SAGEMAKER_TRAINING:
        raise FieldError(
            f"The job queue {queue.name} is for service jobs, which do not run here. Choose another."
        )
    if queue.state == QueueState.DISABLED:
        raise FieldError(
            f"The job queue {queue.name} is disabled and takes no jobs. Enable it first."
        )
    return queue


def _queue_named(value: object) -> JobQueue:
    if not isinstance(value, str) or not value.strip():
        raise FieldError("Choose a job queue.")
    queue = queue_named(value.strip())
    if queue is None:
        raise FieldError(f"There is no job queue named {_shown(value)}.")
    return queue


def find_definition(value: object) -> JobDefinition:
    """The definition `name:revision`, or the newest active one of `name`; or one that was read already.

    Raises FieldError.
    """
    definition = value if isinstance(value, JobDefinition) else _definition_named(value)
    if definition.status != DefinitionStatus.ACTIVE:
        raise FieldError(f"The job definition {definition} is deregistered and takes no new jobs.")
    return definition


def _definition_named(value: object) -> JobDefinition:
    if not isinstance(value, str) or not value.strip():
        raise FieldError("Choose a job definition.")
    wanted = definition_name(value)
    if wanted is None:
        raise FieldError(f"{_shown(value)}: after the colon comes a revision's number.")
    found = definition_named(wanted)
    if found is not None:
        return found
    if wanted.revision is None:
        raise FieldError(f"There is no active job definition named {_shown(value)}.")
    raise FieldError(f"There is no job definition {_shown(value)}.")


def find_jobs(owner: User, job_ids: Sequence[UUID]) -> dict[UUID, Job]:
    """Those of the jobs that the owner may see."""
    if not job_ids:
        return {}
    return {job.id: job for job in visible_jobs(owner).filter(id__in=job_ids)}


def check_budgets(
    checker: Checker, *, queue: JobQueue, owner: User, tags: Mapping[str, str]
) -> None:
    """An error for each budget that is spent and refuses new jobs: the queue's, the owner's, one of a tag."""
    now = timezone.now()
    for budget in refusing_budgets(queue=queue, owner=owner, tags=tags, now=now):
        text = budgets.refusal(
            name=budget.name,
            spent_usd=budget.spent_usd,
            usd_per_month=budget.usd_per_month,
            month=budget.month,
            may_raise=owner.is_staff,
        )
        checker.add(FIELD_OF_SCOPE.get(BudgetScope(budget.scope), ""), text)


def check_host_access(checker: Checker, plan: JobPlan, queue: JobQueue) -> None:
    """An error for all that some environment of the queue does not lend: the job may come to any of them."""
    needs = host_needs(plan)
    if not needs:
        return
    for place in queue.environment_order.select_related("environment"):
        environment = place.environment
        for text in refusals(
            needs,
            environment=environment.name,
            allow_privileged=environment.allow_privileged,
            allowed_host_paths=environment.allowed_host_paths,
        ):
            checker.add("definition", text)


def check_fargate(checker: Checker, work: Work, queue: JobQueue, *, size_field: str) -> None:
    """An error for all that Fargate cannot do, where the queue's environments are of Fargate.

    `size_field`: who said how large the job is.
    """
    if queue.type != QueueType.ECS_FARGATE:
        return
    for path, text in fargate.problems(work):
        said = f"The job queue {queue.name} runs jobs on Fargate. {text}"
        checker.add("definition" if path else size_field, problem_text(path, said))


def check_secrets_exist(checker: Checker, plan: JobPlan, owner: User) -> None:
    """An error for each secret that there is not, or that is somebody else's alone."""
    # A dict, for the order: nodes of one range all ask for the same.
    wanted = {
        (container_name, reference): secret_names(reference)
        for container_name, container in named_containers(plan)
        for reference in _references_of(container)
    }
    if not wanted:
        return
    names = {name for candidates in wanted.values() for name in candidates}
    rows = usable_secrets(owner).filter(name__in=names)
    there = set(rows.values_list("name", flat=True))
    for (container_name, value_from), candidates in wanted.items():
        if not there.intersection(candidates):
            text = (
                f"There is no secret {_shown(value_from)} that your jobs may use. "
                "Store it, or ask its owner to share it."
            )
            checker.add("definition", said_of(container_name, text))


def _references_of(container: ContainerPlan) -> list[str]:
    """How a container names its secrets: those that become variables, and the login of its image's registry."""
    named = [secret["valueFrom"] for secret in container.properties.get("secrets", ())]
    credentials = container.properties.get("repositoryCredentials")
    return [*named, credentials["credentialsParameter"]] if credentials else named


def check_consumables_exist(
    checker: Checker, needed: Sequence[Mapping[str, Any]], *, field: str
) -> None:
    """An error on `field` for each consumable resource that there is not."""
    names = [each["consumableResource"] for each in needed]
    if not names:
        return
    rows = ConsumableResource.objects.filter(name__in=names)
    there = set(rows.values_list("name", flat=True))
    for name in names:
        if name not in there:
            checker.add(field, f"There is no consumable resource named {name}. Create it first.")


def _shown(value: str) -> str:
    text = value.strip()
    if len(text) <= MAX_SHOWN_CHARACTERS:
        return text
    return text[:MAX_SHOWN_CHARACTERS] + "..."
