"""Every text that says why: AWS's own words where clients compare them, and ours beside them.

A status reason is what the API returns and what retry rules match; an explanation is for people.
"""

import signal
from collections.abc import Sequence

from .resources import format_memory, format_vcpus

ESSENTIAL_EXITED = "Essential container in task exited"
# Ours: AWS has no words for one whose end does not end its task.
OTHER_EXITED = "Container in task exited"
TIMED_OUT = "Job attempt duration exceeded timeout"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
TERMINATED_BY_USER = "Terminated by user"
CANCELLED_BY_USER = "Cancelled by user"
# Ours: by the button of a toast, or of a bulk action's page.
SUBMISSION_TAKEN_BACK = "Taken back right after it was submitted."
TOO_OLD_TO_UNDO = "Which jobs it changed was not kept when it ran: it is too old to be taken back."
RERUN_TAKEN_BACK = "The rerun was taken back."
ARRAY_CHILD_FAILED = "Array Child Job failed"
ARRAY_SUCCEEDED = "All array children succeeded"
# Clients look for these words; which job, and why, comes behind them.
DEPENDENT_FAILED = "Dependent Job failed"
HOST_LOST = "Host EC2"
CANNOT_PULL = "CannotPullContainerError"
NO_REGISTRY_AUTH = "ResourceInitializationError: unable to pull secrets or registry auth"
STOPPED_UNLAUNCHED = "It was stopped before its container was started."
NOT_STARTED = "It was not started, because what it depends on can no longer be."
STOPPED_ON_REQUEST = "It was stopped on request."
DEPENDENCY_FAILED = "It waited for a job that failed, so it could never start."
WAITED_TOO_LONG = (
    "It waited longer at the head of its queue than the queue's rule allows, and was cancelled."
)
WAITED_FOR_HIDDEN = (
    "It waited for a job that you may not see. Ask its owner to run both again, or clone this one."
)
STOPPED_WITH_OTHERS = "It was asked to stop because another container of its job had ended."

# AWS's own words for what a queue and an environment are like.
QUEUE_HEALTHY = "JobQueue Healthy"
ENVIRONMENT_HEALTHY = "ComputeEnvironment Healthy"
QUEUE_DELETED = "The job queue of this job was deleted."

NOT_FOUND_EXIT_CODE = 127
NOT_EXECUTABLE_EXIT_CODE = 126
SIGNAL_EXIT_BASE = 128

CHECKPOINT_IN_USE = "The job has not ended: what it keeps in its checkpoint directory is in use."


def being_deleted(what: str, name: str) -> str:
    """Why nothing can be asked of a "queue" or an "environment" any more."""
    return f"The {what} {name} is being deleted."


def no_valid_environment(environments: Sequence[tuple[str, str]]) -> str:
    """Why a queue is INVALID: its environments, each with why it is."""
    told = "; ".join(f"{name}: {reason}" for name, reason in environments)
    return f"None of the queue's compute environments is VALID. {told}"


def exited(*, essential: bool) -> str:
    """The reason of a container that ended by itself."""
    return ESSENTIAL_EXITED if essential else OTHER_EXITED


def host_lost(instance_id: str) -> str:
    """The reason that the usual retry rule `onStatusReason: "Host EC2*"` matches."""
    return f"{HOST_LOST} (instance {instance_id}) terminated."


def explain_interruption(why: str, *, has_run: bool) -> str:
    """One sentence for people about an attempt whose Spot capacity was taken away."""
    told = f"Interrupted: {why}" if why else "Interrupted."
    return told if has_run else f"{told} Its container had not been started."


def minimum_out_of_reach(minimum: int, total: int) -> str:
    """What is said of a managed environment's minimum that all of its machines together do not have."""
    return (
        f"minvCpus asks for {format_vcpus(minimum)} vCPUs, but all machines of its engine together have "
        f"{format_vcpus(total)}. Instances are launched as far as there is room. Lower minvCpus, or add machines."
    )


def cannot_look(detail: str) -> str:
    """Why a checkpoint directory cannot be looked into just now."""
    return f"The machine that keeps these files does not give them just now. {detail}"


def deleting_checkpoint(name: str) -> str:
    """Said to who deleted what a job kept."""
    return f"What {name} kept in its checkpoint directory is being deleted."


def cannot_pull(image: str, detail: str, advice: str = "") -> str:
    """AWS's `CannotPullContainerError`, with the image and what the registry said, and what to do about it."""
    told = f"{CANNOT_PULL}: {image}: {detail}"
    return f"{told.rstrip('.')}. {advice}" if advice else told


def explain_refused_pull(image: str, what: str) -> str:
    """One sentence for people; `what` names the login, if there was one."""
    if what:
        return f"The registry does not give the image {image} to the {what}."
    return f"The registry does not give the image {image} to who has no login."


def login_needed(repository: str) -> str:
    """What to do where a registry gives an image to nobody without a login."""
    return (
        f"There is no login for {repository} that this job may use. Check the image's name; if the registry wants "
        "a login, add one under Registries."
    )


def login_refused(what: str) -> str:
    """What to do where a registry refuses a login, which `what` names."""
    return f"The registry refuses the {what}. Renew it, or check the image's name and that it may pull it."


def cannot_start(detail: str) -> str:
    """AWS's `CannotStartContainerError`: the image is there, but the command could not be run."""
    return f"CannotStartContainerError: {detail}"


def dependency_not_met(*, container: str, on: str, exit_code: int | None) -> str:
    """A container that never starts, because of the one it depends on. No exit code: that never ran."""
    ended = "was not started" if exit_code is None else f"ended with exit code {exit_code}"
    return cannot_start(f"{container} depends on {on}, which {ended}.")


def secret_unavailable(detail: str) -> str:
    """AWS's `ResourceInitializationError`: what a container was to be given could not be had."""
    return f"ResourceInitializationError: unable to pull secrets: {detail}"


def registry_auth_unavailable(detail: str) -> str:
    """The same of the login that `repositoryCredentials` name."""
    return f"{NO_REGISTRY_AUTH}: {detail}"


def is_pull_failure(status_reason: str) -> bool:
    """Whether an attempt ended because its image, or the login for that, could not be had."""
    return status_reason.startswith((CANNOT_PULL, NO_REGISTRY_AUTH))


def is_host_loss(status_reason: str) -> bool:
    """Whether an attempt ended with its machine."""
    return status_reason.startswith(HOST_LOST)


def dependent_failed(*, name: str, job: str, why: str) -> str:
    """The reason of a job that can no longer start: the job that failed first, by name and id, and why.

    `why` of a job that failed for such a reason itself is passed on as it is, so it names the first.
    """
    if why.startswith(DEPENDENT_FAILED):
        return why
    return f"{DEPENDENT_FAILED}: {name} ({job}): {why}"


def time_limit_action(code: str) -> str:
    """AWS's reason of a job that a queue's rule cancelled, because it waited too long for this reason."""
    return f"Canceled by JobStateTimeLimit action due to reason: {code}"


def cancelled(name: str, *, waiting: int = 0) -> str:
    """Said to who cancelled a job, for which so many others wait."""
    told = f"{name} is cancelled."
    if not waiting:
        return told
    fail = "job that waits for it fails" if waiting == 1 else "jobs that wait for it fail"
    return (
        f"{told} {waiting} {fail} with it, as does what waits for {'that' if waiting == 1 else 'those'}. "
        "Submitting it again does not submit them again."
    )


def told_to_stop(name: str) -> str:
    """Said to who terminated a job."""
    return f"{name} is told to stop; its container has a moment to end by itself."


def submitted_again(name: str, *, children: int | None = None) -> str:
    """Said to who ran a job, or so many children of an array, again, on the page of the new one."""
    if children is None:
        return f"{name} is submitted again. This is the new one."
    are = "child is" if children == 1 else "children are"
    return f"{children} failed {are} submitted again. This is the new {name}."


def not_ended(name: str, *, has_ended: bool, was_asked: bool) -> str:
    """Why a request to end a job changed nothing; one that is neither ended nor asked is past cancelling."""
    if has_ended:
        return f"{name} had ended already."
    if was_asked:
        return f"{name} was told to stop before."
    return f"{name} had started already. Terminate it instead."


def waited_for_failed(*, name: str, job: str) -> str:
    """Why a job cannot be run again: what it waited for, by name and id, has failed and was not run again."""
    return f"It waited for {name} ({job}), which failed. Run that again first, or clone this one."


def explain_exit(*, exit_code: int, oom_killed: bool, memory_mib: int) -> str:
    """One sentence for people about how a container ended."""
    if oom_killed:
        return (
            f"The container used more than its {format_memory(memory_mib)} of memory and was killed. "
            "Give the job more memory, or make it use less."
        )
    if exit_code == 0:
        return "The command ended with exit code 0."
    if exit_code == NOT_FOUND_EXIT_CODE:
        return "Exit code 127: a shell in the container did not find the command."
    if exit_code == NOT_EXECUTABLE_EXIT_CODE:
        return "Exit code 126: the command was found but could not be executed."
    if SIGNAL_EXIT_BASE < exit_code < SIGNAL_EXIT_BASE + signal.NSIG:
        name = _signal_name(exit_code - SIGNAL_EXIT_BASE)
        # A command may also end with such a code of its own.
        return f"Exit code {exit_code}: that usually means that the command was ended by signal {name}."
    return f"The command ended with exit code {exit_code}. Its log says more."


def brief(*, status_reason: str, exit_code: int | None) -> str:
    """The reason for a list: where AWS's words say only that the container exited, its exit code."""
    if status_reason in {ESSENTIAL_EXITED, OTHER_EXITED} and exit_code is not None:
        return f"Exit code {exit_code}"
    return status_reason


def explain_time_out(timeout_seconds: int | None) -> str:
    """One sentence for people about an attempt that came to the end of its time limit."""
    limit = f" of {timeout_seconds} seconds" if timeout_seconds else ""
    return (
        f"It ran until its time limit{limit} was over and was told to stop. Give the job a longer "
        "limit, or less to do; a job is not tried again after that."
    )


def explain_refusal(detail: str, *, is_the_command: bool) -> str:
    """One sentence for people about a container that the engine did not start."""
    if is_the_command:
        return (
            f"The command could not be run: {detail}. Check its first word, and that the image "
            "has that program."
        )
    return f"The engine refused to run the container: {detail}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
