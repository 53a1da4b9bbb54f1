"""Docker's `filters` parameter."""

import json
from collections.abc import Sequence


def as_filters(**filters: Sequence[str]) -> str:
    return json.dumps({name: list(values) for name, values in filters.items()})
