"""What an attempt's container is made of: its plan, and what its try adds to it."""

from collections.abc import Mapping, Sequence

from django.conf import settings

from jobs.domain import ids, names, reasons
from jobs.domain.environments import host_access
from jobs.domain.environments.compute_resources import is_fargate
from jobs.domain.plans import ContainerPlan, JobPlan
from jobs.engines.base import ContainerSpec, HostMount, VolumeMount
from jobs.engines.container_options import options_of
from jobs.models import Attempt
from jobs.selectors.plans import plan_of_job
from jobs.services.access import secrets
from jobs.services.access.secrets import SecretUnavailable

from . import checkpoints
from .job_credentials import needs_service_address, role_variables

Mounts = Sequence[HostMount | VolumeMount]


class CannotPrepare(Exception):
    """A container cannot be made, for the `reason` and in the words of the `explanation`."""

    def __init__(self, *, reason: str, explanation: str, may_retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.explanation = explanation
        self.may_retry = may_retry


def name_of(attempt: Attempt) -> str:
    """The name of the attempt's container on its engine."""
    return names.container_name(
        attempt.job_id, attempt.number, attempt.node_index, attempt.container_index
    )


def container_spec(attempt: Attempt) -> ContainerSpec:
    """What the engine is asked for. Raises CannotPrepare.

    `attempt` was read with its environment, its job, and the job's spec and queue.
    """
    job = attempt.job
    plan = plan_of_job(job)
    node = plan.nodes[attempt.node_index]
    container = node.containers[attempt.container_index]
    _check_host_access(attempt, plan)
    shares_its_network = len(node.containers) > 1
    own = {**dict(container.environment), **_secrets(attempt, container)}
    role = role_variables(attempt=attempt, container=container, own=own.keys())
    options = options_of(
        container,
        volume_name=lambda name: volume_of(attempt, name),
        gpu_ids=[str(gpu) for gpu in attempt.gpus],
    )
    options["mounts"], scratch = _with_checkpoint(attempt, options["mounts"])
    return ContainerSpec(
        name=name_of(attempt),
        image=attempt.image,
        command=container.command,
        environment={
            "AWS_EXECUTION_ENV": _execution_environment(attempt),
            **role,
            **own,
            **_variables(attempt, plan),
        },
        milli_vcpus=attempt.milli_vcpus,
        memory_mib=attempt.memory_mib,
        network=network_of(attempt),
        labels=_labels(attempt),
        pids_limit=settings.BATCHWEB_PIDS_LIMIT,
        binds=settings.BATCHWEB_BINDS,
        aliases=[f"node-{node.index}"] if len(plan.nodes) > 1 else (),
        service_address=bool(role) and needs_service_address(),
        pod=pod_of(attempt) if shares_its_network else "",
        scratch=scratch,
        **options,
    )


def network_of(attempt: Attempt) -> str:
    """Its environment's network, or that of its try where the nodes of one job are to meet."""
    installation = settings.BATCHWEB_INSTALLATION
    if attempt.job.node_count > 1:
        return names.job_network_name(installation, attempt.job_id, attempt.number)
    return names.network_name(installation, attempt.environment_id)


def pod_of(attempt: Attempt) -> str:
    """What the containers of its node share, if there are several."""
    return names.pod_name(attempt.job_id, attempt.number, attempt.node_index)


def volume_of(attempt: Attempt, name: str) -> str:
    """The engine's name of a volume that its node has for the time of the try."""
    return names.volume_name(attempt.job_id, attempt.number, attempt.node_index, name)


def _with_checkpoint(attempt: Attempt, mounts: Mounts) -> tuple[Mounts, str]:
    """The mounts with the job's checkpoint directory among them, or the scratch directory in its place."""
    if checkpoints.is_taken(mount.path for mount in mounts):
        return mounts, ""
    if not checkpoints.has_own_volume(attempt):
        return mounts, checkpoints.PATH
    return [*mounts, checkpoints.mount_of(attempt.job_id, attempt.node_index)], ""


def _check_host_access(attempt: Attempt, plan: JobPlan) -> None:
    """What the environment lends to jobs may have changed since the job was placed in it."""
    environment = attempt.environment
    refusals = host_access.refusals(
        host_access.host_needs(plan),
        environment=environment.name,
        allow_privileged=environment.allow_privileged,
        allowed_host_paths=environment.allowed_host_paths,
    )
    if refusals:
        raise CannotPrepare(
            reason=reasons.cannot_start(refusals[0]),
            explanation=" ".join(refusals),
            may_retry=False,
        )


def _secrets(attempt: Attempt, container: ContainerPlan) -> dict[str, str]:
    wanted = {each["name"]: each["valueFrom"] for each in container.properties.get("secrets", ())}
    if not wanted:
        return {}
    try:
        values = secrets.resolve(references=set(wanted.values()), owner=attempt.job.owner)
    except SecretUnavailable as error:
        raise CannotPrepare(
            reason=reasons.secret_unavailable(str(error)),
            explanation=f"{error} Make the secret, or share it, and submit the job again.",
            may_retry=True,
        ) from None
    return {name: values[reference] for name, reference in wanted.items()}


def _execution_environment(attempt: Attempt) -> str:
    """Source: Amazon ECS Developer Guide, "Amazon ECS environment variables"."""
    return "AWS_ECS_FARGATE" if is_fargate(attempt.environment.compute_resources) else "AWS_ECS_EC2"


def _variables(attempt: Attempt, plan: JobPlan) -> dict[str, str]:
    """Source: AWS Batch User Guide, "AWS Batch job environment variables". Ours beside them."""
    job = attempt.job
    variables = {
        "AWS_BATCH_JOB_ID": ids.text_of(job.id),
        "AWS_BATCH_JOB_ATTEMPT": str(attempt.number),
        "AWS_BATCH_JQ_NAME": job.queue.name,
        "AWS_BATCH_CE_NAME": attempt.environment.name,
        **checkpoints.variables_of(attempt),
    }
    if job.array_index is not None:
        variables["AWS_BATCH_JOB_ARRAY_INDEX"] = str(job.array_index)
        variables["AWS_BATCH_JOB_ARRAY_SIZE"] = str(job.array_size)
    if len(plan.nodes) > 1:
        variables |= _variables_of_node(attempt, plan)
    return variables


def _variables_of_node(attempt: Attempt, plan: JobPlan) -> Mapping[str, str]:
    variables = {
        "AWS_BATCH_JOB_ID": f"{ids.text_of(attempt.job_id)}#{attempt.node_index}",
        "AWS_BATCH_JOB_NODE_INDEX": str(attempt.node_index),
        "AWS_BATCH_JOB_NUM_NODES": str(len(plan.nodes)),
        "AWS_BATCH_JOB_MAIN_NODE_INDEX": str(plan.main_node),
    }
    if attempt.node_index != plan.main_node:
        variables["AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS"] = _main_address(attempt, plan)
    return variables


def _main_address(attempt: Attempt, plan: JobPlan) -> str:
    """Its containers share one address, and at least one of them has started by now."""
    addresses = Attempt.objects.filter(
        job_id=attempt.job_id,
        number=attempt.number,
        node_index=plan.main_node,
        address__isnull=False,
    )
    return addresses.values_list("address", flat=True).first() or ""


def _labels(attempt: Attempt) -> dict[str, str]:
    job = attempt.job
    # As on AWS, a definition's tags go on as well; of the same key the job's own counts.
    tags = {**job.definition.tags, **job.spec.tags} if job.spec.propagate_tags else {}
    return {
        **{f"{names.LABEL_TAG}{key}": value for key, value in tags.items()},
        names.LABEL_JOB: str(job.id),
        names.LABEL_ATTEMPT: str(attempt.id),
    }
