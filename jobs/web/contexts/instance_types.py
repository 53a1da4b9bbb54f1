"""What the pages of instance types, their forms and their JSON are drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from jobs.domain.environments.instance_types import ARCHITECTURES, BUNDLES, OPTIMAL, families_of
from jobs.domain.errors import InvalidInput, NotFound
from jobs.domain.resources import MIB_PER_GIB, MILLI, format_vcpus
from jobs.models import InstanceType
from jobs.pricing.machine import HOURS_PER_YEAR, machine_usd_per_hour
from jobs.selectors import instance_types as selectors
from jobs.selectors.paging import Page
from jobs.services.setup.instance_types import FIELDS, values_of

from .forms import shown_errors
from .lazily import lazily
from .named import NameQuery, read_query

NEW: dict[str, object] = {"architecture": ARCHITECTURES[0]}
FILTERS = ("family", "architecture", "gpus", "custom")
YES_OR_NO = {"": None, "yes": True, "no": False}
# Types and prices, and the instances and environments that are of them.
TOPICS = "environments"
HOURS_PER_DAY = 24
HOURS_PER_MONTH = Decimal(HOURS_PER_YEAR) / 12


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A price in all of its forms, in US dollars."""

    kind: str
    usd_per_hour: Decimal

    @property
    def usd_per_day(self) -> Decimal:
        return self.usd_per_hour * HOURS_PER_DAY

    @property
    def usd_per_month(self) -> Decimal:
        """A month is the twelfth part of a year."""
        return self.usd_per_hour * HOURS_PER_MONTH


def list_query(query: QueryDict) -> NameQuery:
    """The query of a URL. Raises InvalidInput, which names the filter that is wrong."""
    found = read_query("instance_types", query, extra=FILTERS)
    choices = {"architecture": ("", *ARCHITECTURES), "gpus": YES_OR_NO, "custom": YES_OR_NO}
    for name, values in choices.items():
        if found.extra[name] not in values:
            allowed = " or ".join(value for value in values if value)
            raise InvalidInput({name: [f"This is {allowed}; leave it out for all."]})
    return found


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(query))
    return {
        **query.shown(page),
        "is_filtered": bool(query.search or any(query.extra.values())),
        "is_narrowed": query.is_narrowed or any(query.extra.values()),
        "families": lazily(selectors.families),
        "architectures": ARCHITECTURES,
        "bundles": {OPTIMAL: families_of(OPTIMAL), **BUNDLES},
        "topics": TOPICS,
    }


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by family and size, and `next`: the URL of the page that follows, or null."""
    page = _page(query)
    return query.as_json(page, summary)


def find(*, name: str) -> InstanceType:
    """The type. Raises NotFound."""
    found = selectors.find_instance_type(name=name)
    if found is None:
        raise NotFound(f"There is no instance type {name}.")
    return found


def build(*, row: InstanceType) -> dict[str, Any]:
    """A type with its prices, who may launch it and what is launched, read when drawn (see `lazily`)."""
    return {
        "row": row,
        "lines": _lines(row),
        "usd_per_vcpu_hour": row.usd_per_hour * MILLI / row.milli_vcpus,
        "usd_per_gib_hour": row.usd_per_hour * MIB_PER_GIB / row.memory_mib,
        "spot_part": _spot_part(row),
        "hours_per_month": HOURS_PER_MONTH,
        "purchase": _purchase(row),
        "environments": lazily(lambda: selectors.environments_that_launch(row=row)),
        "instances": lazily(lambda: selectors.live_instances(row=row)),
        "topics": TOPICS,
    }


def as_json(*, row: InstanceType) -> dict[str, Any]:
    """A type with the environments that may launch it and its live instances."""
    instances = selectors.live_instances(row=row)
    return {
        **summary(row),
        "environments": [
            environment.name for environment in selectors.environments_that_launch(row=row)
        ],
        "live_instances": instances.count,
        "instances": [
            {
                "instance_id": instance.instance_id,
                "environment": instance.environment.name,
                "node": instance.node.name,
                "state": instance.state,
                "is_spot": instance.is_spot,
                "launched_at": instance.launched_at,
            }
            for instance in instances.rows
        ],
    }


def summary(row: InstanceType) -> dict[str, Any]:
    """A type as lists of types give it; prices as texts with all of their digits."""
    return {
        "name": row.name,
        "family": row.family,
        "vcpus": format_vcpus(row.milli_vcpus),
        "memory_mib": row.memory_mib,
        "gpus": row.gpus,
        "gpu_name": row.gpu_name,
        "architecture": row.architecture,
        "usd_per_hour": _text(row.usd_per_hour),
        "spot_usd_per_hour": _text(row.spot_usd_per_hour),
        "region": row.region,
        "priced_on": row.priced_on,
        "custom": row.is_custom,
        "purchase_usd": _text(row.purchase_usd),
        "lifetime_years": _text(row.lifetime_years),
        "watts": row.watts,
        "usd_per_kwh": _text(row.usd_per_kwh),
        "url": reverse("instance_type", args=[row.name]),
    }


def build_form(
    *,
    values: Mapping[str, object],
    errors: Mapping[str, list[str]] | None = None,
    row: InstanceType | None = None,
) -> dict[str, Any]:
    """The form with these values; with `row` it changes that type."""
    return {
        "row": row,
        "values": values,
        "keeps_size": row is not None and not row.is_custom,
        "architectures": ARCHITECTURES,
        **shown_errors(errors, fields=_fields_of_form(row)),
    }


def form_values(row: InstanceType) -> dict[str, object]:
    """The form's values for changing this type."""
    return {field: _text(value) for field, value in values_of(row).items()}


def _fields_of_form(row: InstanceType | None) -> frozenset[str]:
    if row is None:
        return FIELDS
    if row.is_custom:
        return FIELDS - {"name"}
    return frozenset({"usd_per_hour", "spot_usd_per_hour", "region", "priced_on"})


def _page(query: NameQuery) -> Page[InstanceType]:
    return selectors.list_instance_types(
        after=query.after,
        search=query.search,
        family=query.extra["family"],
        architecture=query.extra["architecture"],
        with_gpus=YES_OR_NO[query.extra["gpus"]],
        custom=YES_OR_NO[query.extra["custom"]],
    )


def _lines(row: InstanceType) -> list[PriceLine]:
    lines = [PriceLine("On-Demand", row.usd_per_hour)]
    if row.spot_usd_per_hour is not None:
        lines.append(PriceLine("Spot", row.spot_usd_per_hour))
    return lines


def _spot_part(row: InstanceType) -> Decimal | None:
    """The Spot price as a part of the On-Demand price."""
    if row.spot_usd_per_hour is None or not row.usd_per_hour:
        return None
    return row.spot_usd_per_hour / row.usd_per_hour


def _purchase(row: InstanceType) -> dict[str, Decimal] | None:
    """What of a worked-out price is the machine, and what its power; None for a price that was given."""
    if row.purchase_usd is None or row.lifetime_years is None:
        return None
    machine = machine_usd_per_hour(purchase_usd=row.purchase_usd, lifetime_years=row.lifetime_years)
    return {"machine": machine, "power": row.usd_per_hour - machine}


def _text(value: object) -> str | None:
    """A value as a form's text: numbers without the zeros that the database fills them up with."""
    if value is None:
        return None
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return value.isoformat() if isinstance(value, date) else str(value)
