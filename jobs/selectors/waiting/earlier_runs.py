"""How long runs of a definition took, kept for a while: a page asks each time that anything changes."""

from jobs.models import JobDefinition

from ..jobs import RunSeconds, run_seconds
from ..kept import Kept

KEPT_SECONDS = 60.0
KEPT_DEFINITIONS = 1_000
# By a definition's name.
kept_runs: Kept[str, RunSeconds | None] = Kept(seconds=KEPT_SECONDS, most=KEPT_DEFINITIONS)


def earlier_runs(definition: JobDefinition) -> RunSeconds | None:
    """As `run_seconds`; a few queries, or none."""
    return kept_runs.get(definition.name, lambda: run_seconds(definition))
