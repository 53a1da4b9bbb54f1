"""Several nodes of a job on several places at once."""

from collections.abc import Sequence

from jobs.domain.resources import Resources


def pack(parts: Sequence[Resources], free: dict[int, Resources]) -> tuple[int, ...] | None:
    """A node for each part, the largest first, each on the fullest node that still holds it; None if
    one is left over. Not every packing that exists is found, but the same one every time.
    """
    left = dict(free)
    chosen: dict[int, int] = {}
    largest_first = sorted(
        range(len(parts)),
        key=lambda i: (-parts[i].gpus, -parts[i].milli_vcpus, -parts[i].memory_mib, i),
    )
    for index in largest_first:
        part = parts[index]
        fitting = [node_id for node_id, amount in left.items() if part.fits_in(amount)]
        if not fitting:
            return None
        node_id = min(fitting, key=lambda id_: (left[id_].gpus, left[id_].milli_vcpus, id_))
        left[node_id] = left[node_id] - part
        chosen[index] = node_id
    return tuple(chosen[index] for index in range(len(parts)))
