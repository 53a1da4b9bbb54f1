"""Docker's `filters` parameter."""

import json
from collections.abc import Sequence


def as_filters(**filters: Sequence[str]) -> str:
    """As JSON, the form in which Docker takes them."""
    return json.dumps({name: list(values) for name, values in filters.items()})
