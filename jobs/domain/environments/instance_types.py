"""What the names in `instanceTypes` stand for: a type, a family, or a bundle of families; and what a type may be.

Source: AWS Batch API, `ComputeResource.instanceTypes`. Limits of a type's figures are ours.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal

from jobs.domain.validation import FieldError, is_empty, read_decimal, read_integer, read_text
from jobs.domain.validation import usd_per_hour as a_price

from .compute_resource_members import INSTANCE_TYPE_PATTERN

BUNDLES: Mapping[str, tuple[str, ...]] = {
    "default_x86_64": ("m6i", "c6i", "r6i", "c7i"),
    "default_arm64": ("m6g", "c6g", "r6g", "c7g"),
}
OPTIMAL = "optimal"
ALIASES = {OPTIMAL: "default_x86_64"}

ARCHITECTURES = ("x86_64", "arm64")
MAX_GPU_NAME_CHARACTERS = 64
MAX_REGION_CHARACTERS = 64
MAX_PURCHASE_USD = Decimal(1_000_000_000)
MAX_LIFETIME_YEARS = Decimal(100)
MAX_WATTS = 1_000_000
MAX_USD_PER_KWH = Decimal(100)

NO_PRICE = (
    "Give a price in US dollars per hour, such as 0.096; or what the machine cost: purchase_usd and "
    "lifetime_years."
)
TWO_PRICES = (
    "Give either a price per hour or what the machine cost (purchase_usd, lifetime_years, watts, "
    "usd_per_kwh), not both."
)
NO_PURCHASE = "Give what the machine cost in US dollars (0 if nothing), or a price per hour alone."
NO_LIFETIME = "Give over how many years the machine's cost is spread, such as 5."
NO_WATTS = "Give how many watts the machine draws, or no price of power."
NO_POWER_PRICE = "Give what a kilowatt-hour costs in US dollars, such as 0.25, or no watts."
NOT_BY_PURCHASE = "Only a custom type is priced by what its machine cost. Give usd_per_hour."
DEARER_SPOT = "A Spot price is at most the On-Demand price, which is {usd} here."
GPU_NAME_WITHOUT_GPUS = "Leave it empty, or give how many GPUs the type has."
TOO_DEAR = "This comes to {usd} US dollars an hour. At most {most} are possible."
KEEPS_ITS_NAME = "A type keeps its name: instances and environments know it by that."
KEEPS_ITS_SIZE = (
    "A type of the catalogue keeps its size and architecture; here it has {kept}. "
    "Make a custom type of another name instead."
)


def family_of(type_name: str) -> str:
    """What stands before the dot: "m5" of "m5.large"."""
    return type_name.partition(".")[0]


def families_of(name: str) -> tuple[str, ...]:
    """The families that a bundle (`optimal`) stands for; any other name is taken for a family."""
    return BUNDLES.get(ALIASES.get(name, name), (name,))


def expand(names: Iterable[str], known: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The types that the names stand for, in their order, each once; unknown names stand for none.

    `known`: the types of each family, smallest first.
    """
    found: dict[str, None] = {}
    for name in names:
        if "." in name:
            if name in known.get(family_of(name), ()):
                found[name] = None
            continue
        for family in families_of(name):
            found.update(dict.fromkeys(known.get(family, ())))
    return list(found)


def type_name(value: object) -> str:
    """A type's name: its family, a dot, its size."""
    text = read_text(value)
    if not text:
        raise FieldError("Give a name, such as rack.large.")
    if INSTANCE_TYPE_PATTERN.fullmatch(f"{text}.large") and "." not in text:
        raise FieldError(
            f"A type's name is its family, a dot and its size: {text}.large, for instance."
        )
    if "." not in text or not INSTANCE_TYPE_PATTERN.fullmatch(text):
        raise FieldError(
            "A type's name is its family, a dot and its size, such as rack.large: lower-case letters, "
            "digits and hyphens, at most 63 before the dot (underscores too) and 63 after it."
        )
    family = family_of(text)
    if family in BUNDLES or family in ALIASES:
        raise FieldError(f"{family} stands for several families. Choose another family's name.")
    return text


def gpu_name(value: object) -> str:
    """What the GPUs are called, such as A100; empty: not known."""
    return _short(value, MAX_GPU_NAME_CHARACTERS, "A GPU's name")


def architecture(value: object) -> str:
    """x86_64 (also if empty) or arm64."""
    text = read_text(value) or ARCHITECTURES[0]
    if text not in ARCHITECTURES:
        raise FieldError(f"The architecture is {' or '.join(ARCHITECTURES)}.")
    return text


def region(value: object) -> str:
    """Where the prices hold; any text."""
    return _short(value, MAX_REGION_CHARACTERS, "A region")


def priced_on(value: object) -> date | None:
    """Of which day the prices are; empty: not known."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = read_text(value)
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise FieldError("A date is a year, a month and a day, such as 2026-07-20.") from None


def usd_per_hour(value: object) -> Decimal | None:
    """The On-Demand price; empty: it comes from what the machine cost."""
    return None if is_empty(value) else a_price(value)


def spot_usd_per_hour(value: object) -> Decimal | None:
    """The price of Spot where nobody else wants the capacity; empty: not to be had as Spot."""
    return None if is_empty(value) else a_price(value)


def purchase_usd(value: object) -> Decimal | None:
    """What a machine cost; empty: it is not priced by that."""
    return _amount(
        value,
        most=MAX_PURCHASE_USD,
        decimals=2,
        what="What a machine cost is a number of US dollars, such as 4300, at most {most} and of at "
        "most 2 decimals.",
    )


def lifetime_years(value: object) -> Decimal | None:
    """Over how many years its cost is spread; empty: it is not priced by that."""
    text = (
        "A lifetime is a number of years, such as 5 or 2.5, more than 0, at most {most} and of at "
        "most 2 decimals."
    )
    years = _amount(value, most=MAX_LIFETIME_YEARS, decimals=2, what=text)
    if years == 0:
        raise FieldError(text.format(most=MAX_LIFETIME_YEARS))
    return years


def watts(value: object) -> int | None:
    """What the machine draws under its usual load; empty: its power is not counted."""
    if is_empty(value):
        return None
    message = f"Power is a whole number of watts, 0 to {MAX_WATTS}."
    amount = read_integer(value, message)
    if not 0 <= amount <= MAX_WATTS:
        raise FieldError(message)
    return amount


def usd_per_kwh(value: object) -> Decimal | None:
    """What a kilowatt-hour costs; empty: power is not counted."""
    return _amount(
        value,
        most=MAX_USD_PER_KWH,
        decimals=4,
        what="A price of power is a number of US dollars per kilowatt-hour, such as 0.25, at most "
        "{most} and of at most 4 decimals.",
    )


def _short(value: object, most: int, what: str) -> str:
    text = read_text(value)
    if len(text) > most:
        raise FieldError(f"{what} has at most {most} characters.")
    return text


def _amount(value: object, *, most: Decimal, decimals: int, what: str) -> Decimal | None:
    if is_empty(value):
        return None
    message = what.format(most=most)
    amount = read_decimal(value, message)
    if not 0 <= amount <= most or amount != round(amount, decimals):
        raise FieldError(message)
    return amount
