"""What the environments of a job queue, and their order, may be.

Source: AWS Batch API, `CreateJobQueue`, `ComputeEnvironmentOrder` and `ServiceEnvironmentOrder`.
"""

from collections.abc import Collection, Mapping, Sequence

from .validation import FieldError, read_integer, read_text

MAX_QUEUE_ENVIRONMENTS = 3
# What a database's integer holds.
MAX_ORDER = 2_147_483_647
ECS = "ECS"
ECS_FARGATE = "ECS_FARGATE"
SAGEMAKER_TRAINING = "SAGEMAKER_TRAINING"
NOT_HERE = {
    "EKS": "There is no Kubernetes here",
    "ECS_MANAGED_INSTANCES": "There are no ECS Managed Instances here",
}
NO_ENVIRONMENT = "Choose at least one environment."
NOT_BOTH = "A job queue has compute environments or service environments, not both."
NOT_MIXED = (
    "All of a queue's compute environments are EC2 (EC2, SPOT or unmanaged) or Fargate (FARGATE or "
    "FARGATE_SPOT): they cannot be mixed."
)
ORDERS = f"An order is a whole number from 0 to {MAX_ORDER}; lower ones are tried first."

# A place in a queue's order: its number, and the environment's name.
Place = tuple[int, str]


def environment_order(value: object) -> list[Place]:
    """A queue's environments, first choice first.

    Their names, first choice first (empty ones are left out); or objects of `name` and `order`.
    """
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise FieldError("Environments are a list of names.")
    if any(isinstance(item, Mapping) for item in value):
        places = [_place(item) for item in value]
    else:
        names = [text for text in map(read_text, value) if text]
        places = list(enumerate(names, start=1))
    _check_places(places)
    return sorted(places)


def _place(item: object) -> Place:
    if not isinstance(item, Mapping):
        raise FieldError("Each is an object of a name and an order.")
    order = read_integer(item.get("order"), ORDERS)
    if not 0 <= order <= MAX_ORDER:
        raise FieldError(ORDERS)
    return order, read_text(item.get("name"))


def _check_places(places: Collection[Place]) -> None:
    if len(places) > MAX_QUEUE_ENVIRONMENTS:
        raise FieldError(f"A queue has at most {MAX_QUEUE_ENVIRONMENTS} environments.")
    if len({name for _, name in places}) < len(places):
        raise FieldError("Choose each environment once.")
    if len({order for order, _ in places}) < len(places):
        raise FieldError("Each environment has an order of its own.")


def type_of_compute(fargate: Collection[bool]) -> str:
    """The type of a queue with these compute environments: of each, whether it is of Fargate."""
    if len(set(fargate)) > 1:
        raise FieldError(NOT_MIXED)
    return ECS_FARGATE if any(fargate) else ECS


def check_type(asked: object, *, found: str) -> str:
    """The type that was asked for (nothing: the one of its environments, `found`). Raises FieldError."""
    text = read_text(asked)
    if text in NOT_HERE:
        raise FieldError(f"{NOT_HERE[text]}: use {ECS}, {ECS_FARGATE} or {SAGEMAKER_TRAINING}.")
    if text and text != found:
        raise FieldError(f"With these environments the type is {found}, not {text[:60]}.")
    return found
