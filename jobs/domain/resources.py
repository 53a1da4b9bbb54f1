"""Amounts of CPU, memory and GPUs: whole numbers (thousandths of a vCPU, MiB), so that sums are exact."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

MILLI = 1000
MIB_PER_GIB = 1024


@dataclass(frozen=True, slots=True, order=False)
class Resources:
    """An amount of compute: `milli_vcpus` (1000 is one vCPU), `memory_mib`, and whole `gpus`."""

    milli_vcpus: int
    memory_mib: int
    gpus: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            self.milli_vcpus + other.milli_vcpus,
            self.memory_mib + other.memory_mib,
            self.gpus + other.gpus,
        )

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(
            self.milli_vcpus - other.milli_vcpus,
            self.memory_mib - other.memory_mib,
            self.gpus - other.gpus,
        )

    def fits_in(self, free: "Resources") -> bool:
        """Whether all of this is there in `free`, in every dimension."""
        return (
            self.milli_vcpus <= free.milli_vcpus
            and self.memory_mib <= free.memory_mib
            and self.gpus <= free.gpus
        )

    @property
    def vcpus(self) -> Decimal:
        return Decimal(self.milli_vcpus) / MILLI

    def __str__(self) -> str:
        return self.text(with_gpus=bool(self.gpus))

    def text(self, *, with_gpus: bool) -> str:
        """The amount for people; GPUs are named where the question is about them."""
        amount = f"{format_vcpus(self.milli_vcpus)} vCPU, {format_memory(self.memory_mib)}"
        return f"{amount}, {self.gpus} GPU" if with_gpus else amount


def overcommitted(milli_vcpus: int, cpu_overcommit: Decimal) -> int:
    """The thousandths of vCPUs that are handed out of a machine's own, rounded down."""
    return int(milli_vcpus * cpu_overcommit)


def whole_vcpus(milli_vcpus: int) -> int:
    """As AWS counts them: a part of one counts as one."""
    return -(-milli_vcpus // MILLI)


# Texts of waiting are made by the thousand, with few amounts.
@lru_cache(maxsize=4096)
def format_vcpus(milli_vcpus: int) -> str:
    """vCPUs as people write them: "2", "0.25"."""
    return f"{Decimal(milli_vcpus) / MILLI:f}"


@lru_cache(maxsize=4096)
def format_memory(memory_mib: int) -> str:
    """Memory with the unit that reads best: "512 MiB", "2 GiB", "23.5 GiB"."""
    if memory_mib < MIB_PER_GIB:
        return f"{memory_mib} MiB"
    return f"{round(Decimal(memory_mib) / MIB_PER_GIB, 1).normalize():f} GiB"
