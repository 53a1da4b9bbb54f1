"""`linuxParameters` and `ulimits` of a container.

Source: AWS Batch API, `LinuxParameters`, `Device`, `Tmpfs`, `Ulimit`.
"""

import re
from typing import Any

from jobs.domain.members import a_flag, a_list, a_number, a_path, an_object, one_of, unique
from jobs.domain.validation import MAX_MEMORY_MIB, FieldError, read_text

DEVICE_PERMISSIONS = ("READ", "WRITE", "MKNOD")
MAX_SWAPPINESS = 100
# Ours: no limit of the kernel needs more; -1 is none.
MAX_LIMIT = 10**15
ULIMIT_NAMES = (
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
)
TMPFS_FLAGS = frozenset(
    "defaults ro rw suid nosuid dev nodev exec noexec sync async dirsync remount mand nomand atime "
    "noatime diratime nodiratime bind rbind unbindable runbindable private rprivate shared rshared "
    "slave rslave relatime norelatime strictatime nostrictatime".split()
)
TMPFS_VALUES = re.compile(
    r"(mode|uid|gid|nr_inodes|nr_blocks)=[0-9]{1,9}[km]?|mpol=[a-z0-9:,=-]{1,60}"
)


def _tmpfs_option(value: object) -> str:
    text = read_text(value)
    if text not in TMPFS_FLAGS and not TMPFS_VALUES.fullmatch(text):
        raise FieldError("This is a mount option of tmpfs such as noexec, or mode=1777.")
    return text


def _permissions(value: object) -> list[str]:
    given = a_list(one_of(DEVICE_PERMISSIONS))(value)
    return [each for each in DEVICE_PERMISSIONS if each in given]


_linux_parameters = an_object(
    {
        "devices": a_list(
            an_object(
                {"hostPath": a_path, "containerPath": a_path, "permissions": _permissions},
                required=("hostPath",),
            )
        ),
        "initProcessEnabled": a_flag,
        "sharedMemorySize": a_number(1, MAX_MEMORY_MIB, "MiB"),
        "tmpfs": a_list(
            an_object(
                {
                    "containerPath": a_path,
                    "size": a_number(1, MAX_MEMORY_MIB, "MiB"),
                    "mountOptions": a_list(_tmpfs_option),
                },
                required=("containerPath", "size"),
            )
        ),
        "maxSwap": a_number(0, MAX_MEMORY_MIB, "MiB"),
        "swappiness": a_number(0, MAX_SWAPPINESS, ""),
    }
)
_ulimits = a_list(
    an_object(
        {
            "name": one_of(ULIMIT_NAMES),
            "softLimit": a_number(-1, MAX_LIMIT, ""),
            "hardLimit": a_number(-1, MAX_LIMIT, ""),
        },
        required=("name", "softLimit", "hardLimit"),
    )
)


def linux_parameters(value: object) -> dict[str, Any]:
    """Devices, init process, shared memory, tmpfs and swap. Raises FieldError."""
    clean: dict[str, Any] = _linux_parameters(value)
    return clean


def ulimits(value: object) -> list[dict[str, Any]]:
    """Limits by name; -1 is none. A soft limit is no higher than the hard one. Raises FieldError."""
    clean: list[dict[str, Any]] = _ulimits(value)
    unique([each["name"] for each in clean], "ulimits")
    for index, each in enumerate(clean):
        soft, hard = each["softLimit"], each["hardLimit"]
        if hard != -1 and (soft == -1 or soft > hard):
            raise FieldError(
                problems=[(f"[{index}]", "The softLimit is at most as high as the hardLimit.")]
            )
    return clean
