"""What the pages of right-sizing, their JSON, and the panel on a definition's page are drawn from."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.domain.errors import NotFound
from jobs.domain.ids import text_of
from jobs.domain.resources import format_vcpus
from jobs.models import JobDefinition, RightSizing
from jobs.pricing.right_sizing import too_few
from jobs.selectors import right_sizing as selectors
from jobs.selectors.jobs import find_attempt, usage_of
from jobs.selectors.right_sizing import SizingRow

from .lazily import lazily

TOPICS = "definitions"
USED = ("p50", "p95", "peak")
SAMPLES_SHOWN = 500


@dataclass(frozen=True, slots=True)
class Sizing:
    """What was found of a definition, as it is drawn. `definition` is its newest active revision."""

    found: RightSizing
    definition: JobDefinition | None

    @property
    def asked_milli_vcpus(self) -> int:
        return self.definition.milli_vcpus if self.definition else self.found.asked_milli_vcpus

    @property
    def asked_memory_mib(self) -> int:
        return self.definition.memory_mib if self.definition else self.found.asked_memory_mib

    @property
    def has_advice(self) -> bool:
        return self.found.fitting_milli_vcpus is not None

    @property
    def fits_already(self) -> bool:
        """Whether the newest revision asks for what fits."""
        asked = (self.asked_milli_vcpus, self.asked_memory_mib)
        return asked == (self.found.fitting_milli_vcpus, self.found.fitting_memory_mib)

    @property
    def needs_more(self) -> bool:
        """Whether the newest revision asks for less memory than runs need."""
        fitting = self.found.fitting_memory_mib
        return fitting is not None and fitting > self.asked_memory_mib

    @property
    def extra_usd(self) -> Decimal | None:
        """How much more it would have cost with the request that fits; None where that is not more."""
        saving = self.found.saving_usd
        return -saving if saving is not None and saving < 0 else None

    @property
    def overrides_saving_usd(self) -> Decimal | None:
        """What jobs of another size than the definition's would have cost less; None where that is nothing."""
        saving = self.found.overrides_saving_usd
        return saving if saving is not None and saving > 0 else None

    @property
    def trouble(self) -> str:
        """Why there is no request that fits; empty if there is one."""
        if self.has_advice:
            return ""
        if text := too_few(self.found.measured_runs):
            return text
        return "Fargate has no size that would hold what it uses."

    @property
    def revision_url(self) -> str:
        """The form for a next revision with the request that fits; empty where there is nothing to change."""
        if not self.has_advice or self.fits_already or self.definition is None:
            return ""
        values = {
            "from": str(self.definition),
            "vcpus": format_vcpus(self.found.fitting_milli_vcpus or 0),
            "memory_mib": self.found.fitting_memory_mib,
        }
        return f"{reverse('definition_new')}?{urlencode(values)}"


def build_list(*, query: QueryDict) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    search = _search(query)
    return {
        "search": search,
        "rows": lazily(lambda: _rows(search)),
        "most": selectors.ROWS_SHOWN,
        "topics": TOPICS,
    }


def list_as_json(*, query: QueryDict) -> dict[str, Any]:
    """`results`, those first of which a new revision would save most."""
    return {"results": [summary(row) for row in _rows(_search(query))]}


def find(*, name: str) -> Sizing:
    """What was found of a definition. Raises NotFound."""
    row = selectors.find_sizing(name=name)
    if row is None:
        raise NotFound(f"No run of a job definition {name} has been looked at yet.")
    return _drawn(row)


def panel(*, name: str) -> Callable[[], Sizing | None]:
    """For a definition's page: what was found of it, read when drawn; None before its first look."""

    def read() -> Sizing | None:
        row = selectors.find_sizing(name=name)
        return _drawn(row) if row and row.found.measured_runs else None

    return lazily(read)


def build(*, sizing: Sizing, user: User) -> dict[str, Any]:
    """A definition with its runs; of other people's only how many there are."""
    runs = lazily(lambda: selectors.runs_seen(found=sizing.found, user=user))
    return {
        "sizing": sizing,
        "runs": runs,
        "others": lazily(lambda: len(sizing.found.runs) - len(runs())),
        "topics": TOPICS,
    }


def as_json(*, sizing: Sizing, user: User) -> dict[str, Any]:
    """A definition with those of its runs that the user may see."""
    runs = selectors.runs_seen(found=sizing.found, user=user)
    return {
        **summary(sizing),
        "runs": [
            {**run.values, "job": text_of(run.job.pk), "job_name": run.job.name} for run in runs
        ],
        "other_runs": len(sizing.found.runs) - len(runs),
    }


def summary(sizing: Sizing) -> dict[str, Any]:
    """What was found as JSON: amounts of money are texts, null where it is not known."""
    found = sizing.found
    return {
        "definition": found.definition_name,
        "revision": sizing.definition.revision if sizing.definition else None,
        "asked": _amounts(sizing.asked_milli_vcpus, sizing.asked_memory_mib),
        "used": {
            part: _amounts(
                getattr(found, f"{part}_milli_vcpus"), getattr(found, f"{part}_memory_mib")
            )
            for part in USED
        },
        "fits": _amounts(found.fitting_milli_vcpus, found.fitting_memory_mib),
        "is_fargate": found.is_fargate,
        "trouble": sizing.trouble,
        "measured_runs": found.measured_runs,
        "samples": found.samples,
        "out_of_memory_runs": found.out_of_memory_runs,
        "usd_30_days": str(found.usd),
        "saving_usd_30_days": None if found.saving_usd is None else str(found.saving_usd),
        "overrides_saving_usd_30_days": None
        if found.overrides_saving_usd is None
        else str(found.overrides_saving_usd),
        "is_estimate": found.is_estimate,
        "computed_at": found.computed_at,
        "url": reverse("right_sizing_of", args=[found.definition_name]),
    }


def build_run(*, sizing: Sizing, attempt_id: int, user: User) -> dict[str, Any]:
    """The samples of one of the runs. Raises NotFound, also where its job is not the user's to see."""
    run = next((each for each in sizing.found.runs if each["attempt"] == attempt_id), None)
    if run is None:
        raise NotFound("It is none of the runs that were looked at last.")
    attempt = find_attempt(user=user, job_id=UUID(run["job"]), number=run["number"])
    return {
        "sizing": sizing,
        "run": run,
        "job": attempt.job,
        "attempt": attempt,
        "samples": lazily(lambda: usage_of(attempt, limit=SAMPLES_SHOWN)),
        "most": SAMPLES_SHOWN,
    }


def run_as_json(context: dict[str, Any]) -> dict[str, Any]:
    """The samples of a run, the oldest first."""
    return {
        **context["run"],
        "job": text_of(context["job"].pk),
        "usage": [
            {"at": each.at, "milli_vcpus": each.milli_vcpus, "memory_mib": each.memory_mib}
            for each in context["samples"]()
        ],
    }


def _rows(search: str) -> list[Sizing]:
    """Those first of which a new revision would save most; behind them those that ask for what fits already."""
    rows = [_drawn(row) for row in selectors.list_sizing(search=search)]
    return sorted(rows, key=_rank)


def _rank(sizing: Sizing) -> int:
    if sizing.found.saving_usd is None:
        return 2
    return int(sizing.fits_already or sizing.found.saving_usd <= 0)


def _drawn(row: SizingRow) -> Sizing:
    return Sizing(found=row.found, definition=row.definition)


def _amounts(milli_vcpus: int | None, memory_mib: int | None) -> dict[str, Any] | None:
    if milli_vcpus is None or memory_mib is None:
        return None
    return {"vcpus": format_vcpus(milli_vcpus), "memory_mib": memory_mib}


def _search(query: QueryDict) -> str:
    return query.get("q", "").replace("\0", "").strip()
