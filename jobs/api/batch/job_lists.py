"""ListJobs and the like."""

from ..calls import Operation

OPERATIONS: dict[str, Operation] = {}
