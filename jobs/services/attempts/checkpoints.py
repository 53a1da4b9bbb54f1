"""The checkpoint directory in a container: what its job keeps from one attempt to the next.

`/batchweb` is a volume of which only `checkpoint` is open to the job's user; notices of interruptions lie
beside it. A job that can be tried again has a volume of its own, which all of its attempts see (those on
one node together), or with BATCHWEB_CHECKPOINT_ROOT a directory that all machines share. Any other has a scratch
directory at the same place, which goes with its container and costs next to nothing.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import PurePosixPath
from uuid import UUID

from django.conf import settings

from jobs.domain import names
from jobs.engines.base import HostMount, VolumeMount
from jobs.models import Attempt, Checkpoint

from .interruptions import INTERRUPTIBLE

MOUNTED_AT = "/batchweb"
DIRECTORY = "checkpoint"
PATH = f"{MOUNTED_AT}/{DIRECTORY}"


def has_own_volume(attempt: Attempt) -> bool:
    """Whether what it writes is kept beyond it. It was read with its job."""
    return attempt.job.attempts_allowed > 1 or attempt.capacity in INTERRUPTIBLE


def notice_path(attempt: Attempt) -> str:
    """The file that appears in its container when it is interrupted: each try has its own, so none is an old one."""
    return f"{MOUNTED_AT}/interruption-{attempt.number}.json"


def variables_of(attempt: Attempt) -> dict[str, str]:
    """What tells a container where its checkpoints and its notice are."""
    return {
        "BATCHWEB_CHECKPOINT_DIR": PATH,
        "BATCHWEB_INTERRUPTION_NOTICE": notice_path(attempt),
    }


def mount_of(job_id: UUID, node_index: int = 0) -> HostMount | VolumeMount:
    """What a job, or one node of it, keeps its checkpoints in."""
    root = settings.BATCHWEB_CHECKPOINT_ROOT
    if root:
        path = _of_node(f"{root.rstrip('/')}/{job_id}", node_index)
        return HostMount(path, MOUNTED_AT, open_directories=(DIRECTORY,))
    volume = names.checkpoint_volume(job_id, node_index)
    return VolumeMount(volume, MOUNTED_AT, open_directories=(DIRECTORY,))


def kept_in(checkpoint: Checkpoint, node_index: int = 0) -> HostMount | VolumeMount:
    """Where a checkpoint was written, whatever the settings are by now."""
    if not checkpoint.volume.startswith("/"):
        return VolumeMount(names.checkpoint_volume(checkpoint.job_id, node_index), MOUNTED_AT)
    return HostMount(_of_node(checkpoint.volume, node_index), MOUNTED_AT)


def _of_node(path: str, node_index: int) -> str:
    return f"{path}/node-{node_index}" if node_index else path


def is_taken(paths: Iterable[str]) -> bool:
    """Whether the job mounts something of its own there, which then is what it gets."""
    ours = PurePosixPath(PATH)
    return any(PurePosixPath(path) in {ours, *ours.parents} for path in paths)


def remember(*, attempt: Attempt, now: datetime) -> None:
    """Writes that the job has a checkpoint directory, before there is one: so none is ever forgotten.

    Of a job that moves to another engine the newest counts.
    """
    if not has_own_volume(attempt):
        return
    mount = mount_of(attempt.job_id)
    where = {
        "engine_id": attempt.node.engine_id,
        "volume": mount.host_path if isinstance(mount, HostMount) else mount.volume,
    }
    known = Checkpoint.objects.filter(job_id=attempt.job_id).values(*where).first()
    if known is None:
        row = Checkpoint(job_id=attempt.job_id, created_at=now, **where)
        Checkpoint.objects.bulk_create([row], ignore_conflicts=True)
    elif known != where:
        Checkpoint.objects.filter(job_id=attempt.job_id).update(**where)
