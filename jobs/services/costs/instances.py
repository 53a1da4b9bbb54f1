"""What an instance has cost, at its end."""

from collections.abc import Sequence
from datetime import datetime

from jobs.models import Instance


def price_instances(*, instances: Sequence[Instance], now: datetime) -> None:
    """Sets `usd` and `idle_usd` of instances that end at `now`, and shares idle time out to their attempts."""
