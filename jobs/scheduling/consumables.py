"""Consumable resources within a pass: what is left of each, and for whom it is kept."""

from collections.abc import Iterable

from .reasons import Reason, consumable_impossible, consumable_short, consumable_unknown
from .snapshot import ConsumableView, JobView


class Shelf:
    """A job takes all that it needs, or waits.

    What an earlier job waits for is kept for it, or one that needs much would wait for ever behind those that
    need little. For one that waits for what is used up for good, nothing is kept: it may never suffice.
    """

    def __init__(self, consumables: Iterable[ConsumableView]) -> None:
        self._views = {view.name: view for view in consumables}
        self._free = {view.name: max(view.free, 0) for view in self._views.values()}
        self._kept: dict[str, int] = dict.fromkeys(self._free, 0)

    def refuse(self, job: JobView) -> Reason | None:
        """Why the job cannot have all that it needs; None if it can."""
        for name, quantity in job.consumables:
            view = self._views.get(name)
            if view is None:
                return consumable_unknown(name)
            if view.replenishable and quantity > view.total:
                return consumable_impossible(name, quantity, total=view.total)
        for name, quantity in job.consumables:
            free, kept = self._free[name], min(self._kept[name], self._free[name])
            if quantity <= free - kept:
                continue
            view = self._views[name]
            if view.replenishable or quantity <= free:
                self.keep(job)
            return consumable_short(name, quantity, free=free, total=view.total, kept=kept)
        return None

    def take(self, job: JobView) -> None:
        """The job starts."""
        for name, quantity in job.consumables:
            self._free[name] -= quantity

    def keep(self, job: JobView) -> None:
        """The job waits: later ones leave it what it needs."""
        for name, quantity in job.consumables:
            self._kept[name] += quantity
