"""Service environments, quota shares and service jobs: what AWS Batch checks of them.

None of it runs here; it is checked and kept all the same, so that scripts that set it up are told of their
mistakes. Source: AWS Batch API, `CreateServiceEnvironment`, `CreateQuotaShare`, `SubmitServiceJob`.
"""

import re
from collections.abc import Mapping
from typing import Any

from .members import a_list, a_number, an_object, one_of, text_like, unique
from .validation import FieldError, read_json

TYPES = ("SAGEMAKER_TRAINING",)
STRATEGIES = ("RESERVE", "LEND", "LEND_AND_BORROW")
BORROWING = "LEND_AND_BORROW"
STATES = ("ENABLED", "DISABLED")
IDLE_STRATEGIES = ("FIFO",)
# The default: without a limit.
UNLIMITED = -1
# AWS gives no bounds: this is what its integer holds.
MAX_INTEGER = 2_147_483_647
UNIT_PATTERN = re.compile(r"NUM_INSTANCES|ml\.[a-z0-9-]+\.[a-z0-9-]+")
UNIT = "A unit is NUM_INSTANCES or an instance type, such as ml.m5.large."
# Ours: more than there are instance types.
MAX_LIMITS = 200
# AWS: a request of SageMaker's CreateTrainingJob.
MAX_PAYLOAD_CHARACTERS = 100_000

_limits = a_list(
    an_object(
        {
            "maxCapacity": a_number(0, MAX_INTEGER, ""),
            "capacityUnit": text_like(UNIT_PATTERN, UNIT),
        },
        required=("maxCapacity", "capacityUnit"),
    ),
    at_most=MAX_LIMITS,
)
_sharing = an_object(
    {
        "strategy": one_of(STRATEGIES),
        "borrowLimit": a_number(UNLIMITED, MAX_INTEGER, "percent"),
    },
    required=("strategy",),
)
_preemption = an_object({"inSharePreemption": one_of(STATES)}, required=("inSharePreemption",))
_quota_policy = an_object(
    {"idleResourceAssignmentStrategy": one_of(IDLE_STRATEGIES)},
    required=("idleResourceAssignmentStrategy",),
)


def capacity_limits(value: object) -> list[dict[str, Any]]:
    """How much of which unit there is: one limit at least, and one for each unit. Raises FieldError."""
    clean: list[dict[str, Any]] = _limits(value) if value else []
    if not clean:
        raise FieldError("Give at least one limit, with its maxCapacity and capacityUnit.")
    unique([limit["capacityUnit"] for limit in clean], "limits")
    return clean


def environment_type(value: object) -> str:
    """SAGEMAKER_TRAINING: AWS Batch has no other."""
    clean: str = one_of(TYPES)(value)
    return clean


def resource_sharing(value: object) -> dict[str, Any]:
    """Whether a quota share lends and borrows, and how much. Raises FieldError."""
    clean: dict[str, Any] = _sharing(value)
    if clean["strategy"] == BORROWING:
        return {"borrowLimit": UNLIMITED, **clean}
    if "borrowLimit" in clean:
        raise FieldError(f"borrowLimit: Leave it out, or choose the strategy {BORROWING}.")
    return clean


def preemption(value: object) -> dict[str, Any]:
    """Whether jobs of a quota share may push out others of the same share. Raises FieldError."""
    clean: dict[str, Any] = _preemption(value)
    return clean


def quota_share_policy(value: object) -> dict[str, Any]:
    """A scheduling policy for quota shares, also as JSON text; {} for none. Raises FieldError."""
    given = read_json(value)
    if not given:
        return {}
    clean: dict[str, Any] = _quota_policy(given)
    return clean


def payload(value: object) -> None:
    """Raises FieldError if the request for the service is no JSON object."""
    if isinstance(value, str) and len(value) > MAX_PAYLOAD_CHARACTERS:
        raise FieldError(f"This has at most {MAX_PAYLOAD_CHARACTERS} characters.")
    if not isinstance(read_json(value), Mapping):
        raise FieldError("This is the service's request: a JSON object, as a text.")
