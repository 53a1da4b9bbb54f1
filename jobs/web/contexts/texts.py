"""Amounts of an environment as its pages, forms and JSON write them."""

from decimal import Decimal

from jobs.domain.resources import format_vcpus
from jobs.models import ComputeEnvironment


def dollars(price: Decimal) -> str:
    """All of its digits, without the zeros that the database fills it up with."""
    return f"{price.normalize():f}"


def max_vcpus(environment: ComputeEnvironment) -> str:
    """The maximum in vCPUs; empty: all that the engine has."""
    maximum = environment.max_milli_vcpus
    return "" if maximum is None else format_vcpus(maximum)
