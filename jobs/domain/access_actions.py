"""What access policies decide about: actions that change something, the keys of their conditions, kinds of resources.

Source of names and resources: AWS's Service Authorization Reference, "Actions, resources, and condition keys for AWS
Batch" and "... for Amazon CloudWatch Logs". What only Batchweb has is under a prefix of its own.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches

BATCH = "batch"
LOGS = "logs"
OWN = "batchweb"
# How operations begin that only read.
READS = ("describe", "filter", "get", "list", "start")

SUBMIT_JOB = "batch:SubmitJob"
CANCEL_JOB = "batch:CancelJob"
TERMINATE_JOB = "batch:TerminateJob"
REGISTER_JOB_DEFINITION = "batch:RegisterJobDefinition"
DEREGISTER_JOB_DEFINITION = "batch:DeregisterJobDefinition"
TAG_RESOURCE = "batch:TagResource"
UNTAG_RESOURCE = "batch:UntagResource"


@dataclass(frozen=True, slots=True)
class Action:
    """Something that is done. `given`: an administrator's, which an Allow gives to who is none; `kept`: one that no
    Allow gives.
    """

    name: str
    words: str
    given: bool = False
    kept: bool = False


def _setup(
    service: str, noun: str, words: str, *, verbs: str = "Create Update Delete"
) -> list[Action]:
    return [
        Action(f"{service}:{verb}{noun}", f"{verb.lower()} {words}", True) for verb in verbs.split()
    ]


_ALL = (
    Action(SUBMIT_JOB, "submit and rerun jobs"),
    Action("batch:SubmitServiceJob", "submit service jobs"),
    Action(CANCEL_JOB, "cancel jobs"),
    Action(TERMINATE_JOB, "terminate jobs"),
    Action("batch:TerminateServiceJob", "terminate service jobs"),
    Action("batch:UpdateServiceJob", "update service jobs"),
    Action(REGISTER_JOB_DEFINITION, "register job definitions", True),
    Action(DEREGISTER_JOB_DEFINITION, "deregister job definitions", True),
    *_setup(BATCH, "ComputeEnvironment", "compute environments"),
    Action("batch:CreateJobQueue", "create job queues", True),
    Action("batch:UpdateJobQueue", "update job queues (also the rules that cancel jobs)", True),
    Action("batch:DeleteJobQueue", "delete job queues (which ends everybody's jobs there)", True),
    *_setup(BATCH, "SchedulingPolicy", "scheduling policies"),
    *_setup(BATCH, "ConsumableResource", "consumable resources"),
    *_setup(BATCH, "ServiceEnvironment", "service environments"),
    *_setup(BATCH, "QuotaShare", "quota shares"),
    Action(TAG_RESOURCE, "add tags", True),
    Action(UNTAG_RESOURCE, "take tags off", True),
    Action("logs:CreateLogGroup", "create log groups"),
    Action("logs:DeleteLogGroup", "delete log groups", kept=True),
    Action("logs:PutRetentionPolicy", "say how long logs are kept", kept=True),
    Action("logs:DeleteRetentionPolicy", "say that logs are kept for ever", kept=True),
    Action("logs:TagResource", "add tags to log groups", kept=True),
    Action("logs:UntagResource", "take tags off log groups", kept=True),
    *_setup(OWN, "Budget", "budgets (which may cancel everybody's jobs)"),
    *_setup(OWN, "Alarm", "alarms"),
    *_setup(OWN, "InstanceType", "instance types"),
    # Whoever says where an engine is has all jobs with their secrets: an Allow gives it to nobody.
    Action("batchweb:UpdateEngine", "update engines", kept=True),
    *_setup(OWN, "Machine", "machines (their GPUs)", verbs="Update"),
    Action("batchweb:CreateEngine", "create engines", kept=True),
    Action("batchweb:DeleteEngine", "delete engines", kept=True),
    Action("batchweb:DeleteCheckpoint", "delete what jobs keep between attempts"),
    *(
        Action(f"batchweb:{verb}{noun}", f"{verb.lower()} {words}")
        for noun, words, verbs in (
            ("Secret", "secrets", ("Create", "Update", "Delete")),
            ("EventRule", "rules that send events", ("Create", "Update", "Delete")),
            ("RegistryLogin", "logins of registries", ("Create", "Update", "Check", "Delete")),
            ("AccessKey", "access keys", ("Create", "Revoke")),
            ("AccessToken", "access tokens", ("Create", "Revoke")),
        )
        for verb in verbs
    ),
)
ACTIONS = {action.name: action for action in _ALL}
_BY_LOWER = {name.lower(): name for name in ACTIONS}

# Kinds of resources in ARNs, by service.
KINDS = {
    BATCH: (
        "compute-environment",
        "consumable-resource",
        "job",
        "job-definition",
        "job-queue",
        "scheduling-policy",
        "service-environment",
        "service-job",
    ),
    LOGS: ("log-group",),
    OWN: (
        "access-key",
        "access-token",
        "alarm",
        "budget",
        "engine",
        "event-rule",
        "instance-type",
        "machine",
        "registry-login",
        "secret",
    ),
}

# Of actions whose names do not say it.
_KINDS_OF = {
    SUBMIT_JOB: ((BATCH, "job-queue"), (BATCH, "job-definition")),
    "batch:SubmitServiceJob": ((BATCH, "job-queue"),),
    "batchweb:DeleteCheckpoint": ((BATCH, "job"),),
}

# Each key of a condition, and what it holds. A key that ends with a slash goes on with a tag's key.
KEYS = {
    "aws:CurrentTime": "when it is asked for",
    "aws:EpochTime": "when it is asked for, in seconds since 1970",
    "aws:RequestTag/": "the value of a tag that the request sets",
    "aws:ResourceTag/": "the value of a tag that the resource has",
    "aws:SourceIp": "the address it is asked from",
    "aws:TagKeys": "the keys of the tags in the request",
    "aws:username": "who asks",
    "batch:Image": "the image of each container",
    "batch:LogDriver": "the log driver of each container",
    "batch:Privileged": "whether each container is privileged",
    "batch:ShareIdentifier": "the share that the job is submitted to",
    "batch:User": "the user in each container",
    "batchweb:ArraySize": "how many children an array has",
    "batchweb:Gpus": "the GPUs that the largest node needs",
    "batchweb:MemoryMib": "the memory (MiB) that the largest node needs",
    "batchweb:Vcpus": "the vCPUs that the largest node needs",
}
_KEYS_BY_LOWER = {key.lower(): key for key in KEYS}


def kinds_of(action: str) -> tuple[tuple[str, str], ...]:
    """What an action is done to: services and kinds of resources. Empty where that may be of any kind, as of tags."""
    if action in _KINDS_OF:
        return _KINDS_OF[action]
    service, _, name = action.partition(":")
    # Without the verb.
    kind = "-".join(re.findall("[A-Z][a-z]+", name)[1:]).lower()
    return ((service, kind),) if kind in KINDS.get(service, ()) else ()


def known_action(text: str) -> str | None:
    """The action of that name, whatever its case."""
    return _BY_LOWER.get(text.lower())


def known_key(text: str) -> str | None:
    """The key of a condition as it is written here, whatever its case; None if there is none."""
    found = _KEYS_BY_LOWER.get(text.lower())
    if found is not None and not found.endswith("/"):
        return found
    begin, slash, tag = text.partition("/")
    found = _KEYS_BY_LOWER.get(f"{begin}{slash}".lower())
    return f"{found}{tag}" if found is not None and slash and tag else None


def is_read(text: str) -> bool:
    """Whether an action's name is one that only reads."""
    service, _, name = text.lower().partition(":")
    return service in {BATCH, LOGS} and name.startswith(READS)


def nearest(text: str, known: tuple[str, ...]) -> str:
    """A hint at the known name that is most like the text; empty if none is."""
    lower = {each.lower(): each for each in known}
    found = get_close_matches(text.lower()[:200], lower, n=1, cutoff=0.6)
    return f" Did you mean {lower[found[0]]}?" if found else ""
