"""Making, changing and deleting instance types. `instance_catalogue` loads those of the catalogue."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from django.db import transaction

from jobs import changes
from jobs.domain import validation
from jobs.domain.environments import instance_types as checks
from jobs.domain.errors import Conflict
from jobs.domain.resources import format_vcpus
from jobs.domain.validation import MAX_USD_PER_HOUR, Checker, FieldError, is_empty
from jobs.models import ComputeEnvironment, EnvironmentType, Instance, InstanceType
from jobs.pricing.machine import machine_usd_per_hour
from jobs.services.writing.races import second_look, still_there

T = TypeVar("T")

SIZE_FIELDS = ("vcpus", "memory_mib", "gpus", "gpu_name", "architecture")
# What a machine cost, from which its price per hour is worked out.
PURCHASE_FIELDS = ("purchase_usd", "lifetime_years", "watts", "usd_per_kwh")
PRICE_FIELDS = ("usd_per_hour", "spot_usd_per_hour", "region", "priced_on", *PURCHASE_FIELDS)
FIELDS = frozenset({"name", *SIZE_FIELDS, *PRICE_FIELDS})


@dataclass(frozen=True, slots=True)
class InstanceTypeFields:
    """An instance type that passed every check, as it will be written."""

    name: str
    milli_vcpus: int
    memory_mib: int
    gpus: int
    gpu_name: str
    architecture: str
    usd_per_hour: Decimal
    spot_usd_per_hour: Decimal | None
    region: str
    priced_on: date | None
    purchase_usd: Decimal | None
    lifetime_years: Decimal | None
    watts: int | None
    usd_per_kwh: Decimal | None

    def differs_from(self, row: InstanceType) -> bool:
        """Whether a row would change by being written with these."""
        return any(getattr(row, field) != value for field, value in asdict(self).items())

    def put_into(self, row: InstanceType) -> InstanceType:
        """The row with these fields; not saved."""
        for field, value in asdict(self).items():
            setattr(row, field, value)
        return row


# Every field that `put_into` sets, but for the name, which stays.
WRITTEN_FIELDS = tuple(
    field for field in InstanceTypeFields.__dataclass_fields__ if field != "name"
)


def check_instance_type(
    *, fields: Mapping[str, object], instance_type: InstanceType | None = None
) -> InstanceTypeFields:
    """The clean type, or InvalidInput with every field that is wrong. Writes nothing.

    `vcpus`, `memory_mib`, `gpus`, `gpu_name`, `architecture`; the price as `usd_per_hour`, or as `purchase_usd`
    over `lifetime_years` with `watts` at `usd_per_kwh`; `spot_usd_per_hour` (empty: not to be had as Spot),
    `region`, `priced_on`. With `instance_type`, what is left out stays, but a price given in one way takes the
    place of one given in the other.
    """
    return cleaned(fields=fields, current=instance_type, is_custom=True, is_taken=_is_taken)


def create_instance_type(*, fields: Mapping[str, object]) -> InstanceType:
    """Writes a new custom type. Raises InvalidInput; then nothing changed."""
    clean = check_instance_type(fields=fields)
    with second_look(lambda: check_instance_type(fields=fields)), transaction.atomic():
        row = InstanceType.objects.create(**asdict(clean), is_custom=True)
        announce()
    return row


def update_instance_type(
    *, instance_type: InstanceType, fields: Mapping[str, object]
) -> InstanceType:
    """Changes a type's prices, and a custom one's size. Instances keep what they were launched with.

    Raises InvalidInput, or NotFound if the type was deleted meanwhile.
    """
    with transaction.atomic():
        row = still_there(
            InstanceType.objects.select_for_update(),
            instance_type,
            called=f"The instance type {instance_type.name}",
        )
        check_instance_type(fields=fields, instance_type=row).put_into(row)
        row.save(update_fields=WRITTEN_FIELDS)
        announce()
    return row


def delete_instance_type(*, instance_type: InstanceType) -> None:
    """Deletes a custom type that nobody uses. Raises Conflict, which says what stands against it."""
    with transaction.atomic():
        row = InstanceType.objects.select_for_update().filter(id=instance_type.id).first()
        if row is None:
            return
        if not row.is_custom:
            raise Conflict(f"{row.name} is of the catalogue and stays. Delete custom types only.")
        _refuse_while_used(row)
        row.delete()
        announce()


def cleaned(
    *,
    fields: Mapping[str, object],
    current: InstanceType | None,
    is_custom: bool,
    is_taken: Callable[[str], bool],
) -> InstanceTypeFields:
    """As `check_instance_type`, for a type that is new to the catalogue, too. Reads no rows itself.

    `is_custom` of a new type; `is_taken` says whether there is a type of that name already.
    """
    checker = Checker()
    checker.only(fields, FIELDS)
    given = _given(fields, current)
    price = checker.check("usd_per_hour", checks.usd_per_hour, given["usd_per_hour"], None)
    kept = _keeper(current)
    values = {
        "name": checker.check("name", _name(current, is_taken), given["name"], ""),
        "milli_vcpus": checker.check(
            "vcpus", kept("milli_vcpus", validation.milli_vcpus), given["vcpus"], 0
        ),
        "memory_mib": checker.check(
            "memory_mib", kept("memory_mib", validation.memory_mib), given["memory_mib"], 0
        ),
        "gpus": checker.check("gpus", kept("gpus", validation.gpus), given["gpus"], 0),
        "gpu_name": checker.check(
            "gpu_name", kept("gpu_name", checks.gpu_name), given["gpu_name"], ""
        ),
        "architecture": checker.check(
            "architecture", kept("architecture", checks.architecture), given["architecture"], ""
        ),
    }
    for field in PRICE_FIELDS:
        if field != "usd_per_hour":
            values[field] = checker.check(field, getattr(checks, field), given[field], None)
    # How the fields go together is asked once each of them is right by itself.
    checker.done()
    return _together(values, price, is_custom=current.is_custom if current else is_custom)


def announce() -> None:
    """Tells pages and the scheduler, after the commit, that there are other types or prices."""
    changes.publish([changes.ENVIRONMENTS])
    changes.wake_scheduler()


def values_of(row: InstanceType) -> dict[str, object]:
    """The fields of a type as they would be given to make it again."""
    values: dict[str, object] = {field: getattr(row, field) for field in FIELDS - {"vcpus"}}
    values["vcpus"] = format_vcpus(row.milli_vcpus)
    if row.purchase_usd is not None:
        # It was worked out.
        values["usd_per_hour"] = None
    return values


def _given(fields: Mapping[str, object], current: InstanceType | None) -> dict[str, object]:
    """What a request asks for, with what stays as it is."""
    stays: dict[str, object] = values_of(current) if current else dict.fromkeys(FIELDS)
    if not is_empty(fields.get("usd_per_hour")):
        stays.update(dict.fromkeys(PURCHASE_FIELDS))
    if any(not is_empty(fields.get(field)) for field in PURCHASE_FIELDS):
        stays["usd_per_hour"] = None
    return {**stays, **fields}


def _together(
    values: dict[str, Any], price: Decimal | None, *, is_custom: bool
) -> InstanceTypeFields:
    """The type of fields that are each right; InvalidInput if they contradict one another."""
    checker = Checker()
    if values["gpu_name"] and not values["gpus"]:
        checker.add("gpu_name", checks.GPU_NAME_WITHOUT_GPUS)
    purchase = {field: values[field] for field in PURCHASE_FIELDS if values[field] is not None}
    if purchase and not is_custom:
        checker.add(next(iter(purchase)), checks.NOT_BY_PURCHASE)
    elif purchase:
        _check_purchase(checker, purchase, price)
    elif price is None:
        checker.add("usd_per_hour", checks.NO_PRICE)
    checker.done()
    clean = InstanceTypeFields(
        **values,
        usd_per_hour=machine_usd_per_hour(**purchase) if price is None else price,
    )
    if clean.usd_per_hour > MAX_USD_PER_HOUR:
        text = checks.TOO_DEAR.format(usd=clean.usd_per_hour, most=MAX_USD_PER_HOUR)
        checker.add("purchase_usd", text)
    if clean.spot_usd_per_hour is not None and clean.spot_usd_per_hour > clean.usd_per_hour:
        text = checks.DEARER_SPOT.format(usd=format(clean.usd_per_hour.normalize(), "f"))
        checker.add("spot_usd_per_hour", text)
    checker.done()
    return clean


def _check_purchase(
    checker: Checker, purchase: Mapping[str, object], price: Decimal | None
) -> None:
    if price is not None:
        checker.add("usd_per_hour", checks.TWO_PRICES)
    missing = {
        "purchase_usd": (checks.NO_PURCHASE, True),
        "lifetime_years": (checks.NO_LIFETIME, True),
        "watts": (checks.NO_WATTS, "usd_per_kwh" in purchase),
        "usd_per_kwh": (checks.NO_POWER_PRICE, "watts" in purchase),
    }
    for field, (text, is_needed) in missing.items():
        if is_needed and field not in purchase:
            checker.add(field, text)


def _keeper(
    current: InstanceType | None,
) -> Callable[[str, Callable[[object], T]], Callable[[object], T]]:
    """Makes checks refuse another size than a type of the catalogue has."""

    def kept(field: str, check: Callable[[object], T]) -> Callable[[object], T]:
        def checked(value: object) -> T:
            clean = check(value)
            if current is not None and not current.is_custom and clean != getattr(current, field):
                shown = values_of(current)["vcpus" if field == "milli_vcpus" else field]
                raise FieldError(checks.KEEPS_ITS_SIZE.format(kept=shown or "none"))
            return clean

        return checked

    return kept


def _name(current: InstanceType | None, is_taken: Callable[[str], bool]) -> Callable[[object], str]:
    def check(value: object) -> str:
        name = checks.type_name(value)
        if current is not None:
            if name != current.name:
                raise FieldError(checks.KEEPS_ITS_NAME)
        elif is_taken(name):
            raise FieldError(f"There is an instance type named {name} already.")
        return name

    return check


def _is_taken(name: str) -> bool:
    return InstanceType.objects.filter(name=name).exists()


def _refuse_while_used(row: InstanceType) -> None:
    """Raises Conflict for an environment that names the type (or its family, whose last it is), or an instance."""
    is_last = not InstanceType.objects.filter(family=row.family).exclude(id=row.id).exists()
    names = {row.name, row.family} if is_last else {row.name}
    managed = ComputeEnvironment.objects.filter(type=EnvironmentType.MANAGED)
    for environment in managed.order_by("name").only("name", "compute_resources"):
        named = names.intersection(environment.compute_resources.get("instanceTypes") or ())
        if named:
            raise Conflict(
                f"The environment {environment.name} names {min(named)} in its instanceTypes. "
                "Take it out there first."
            )
    live = Instance.objects.filter(type_name=row.name, ended_at__isnull=True)
    instance = live.select_related("environment").order_by("id").first()
    if instance is not None:
        raise Conflict(
            f"The instance {instance.instance_id} of the environment {instance.environment.name} "
            f"is a {row.name}. Wait until it has ended."
        )
