"""Volumes of a job, and where its containers mount them.

Source: AWS Batch API, `Volume`, `Host` and `MountPoint`. A volume with `host.sourcePath` is that directory of
the machine; one without is empty at first and lives as long as one try of the job.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jobs.domain.members import a_flag, a_list, a_path, an_object, text_like, unique
from jobs.domain.validation import FieldError

VOLUME_NAME_PATTERN = re.compile(r"[A-Za-z0-9_-]{1,255}")
VOLUME_NAME = "A volume's name has 1 to 255 letters, digits, hyphens and underscores."
INSTEAD = "Mount a host path or an empty volume instead."

_volumes = a_list(
    an_object(
        {
            "name": text_like(VOLUME_NAME_PATTERN, VOLUME_NAME),
            "host": an_object({"sourcePath": a_path}),
        },
        required=("name",),
        refused={"efsVolumeConfiguration": INSTEAD, "s3filesVolumeConfiguration": INSTEAD},
    )
)
_mount_points = a_list(
    an_object(
        {
            "sourceVolume": text_like(VOLUME_NAME_PATTERN, VOLUME_NAME),
            "containerPath": a_path,
            "readOnly": a_flag,
        },
        required=("sourceVolume", "containerPath"),
    )
)


def volumes(value: object) -> list[dict[str, Any]]:
    """The volumes of a container or a task, each with a name of its own. Raises FieldError."""
    clean: list[dict[str, Any]] = _volumes(value)
    unique([each["name"] for each in clean], "volumes")
    return clean


def mount_points(value: object) -> list[dict[str, Any]]:
    """Where a container has which volume. Raises FieldError."""
    clean: list[dict[str, Any]] = _mount_points(value)
    return clean


def check_mounts(container: Mapping[str, Any], volumes: Sequence[Mapping[str, Any]]) -> None:
    """Raises FieldError if a mount point names no volume, or two mounts want the same path.

    `container` and `volumes` are canonical.
    """
    names = {volume["name"] for volume in volumes}
    problems = []
    for index, mount in enumerate(container.get("mountPoints", ())):
        if mount["sourceVolume"] not in names:
            problems.append(
                (
                    f"mountPoints[{index}].sourceVolume",
                    f"There is no volume named {mount['sourceVolume']}. Add it to volumes.",
                )
            )
    paths = set()
    for where, mount in _mounts(container):
        path = mount["containerPath"]
        if path == "/":
            problems.append((where, "The root of a container is its image's. Mount it elsewhere."))
        elif path in paths:
            problems.append((where, f"Something else is mounted on {path} already."))
        paths.add(path)
    if problems:
        raise FieldError(problems=problems)


def _mounts(container: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    tmpfs = container.get("linuxParameters", {}).get("tmpfs", ())
    return [
        *((f"mountPoints[{at}]", each) for at, each in enumerate(container.get("mountPoints", ()))),
        *((f"linuxParameters.tmpfs[{at}]", each) for at, each in enumerate(tmpfs)),
    ]
