"""What work cost, or costs so far: of a job's attempts, of a day, of a budget's month, of any range. Each is exact.

What all who ask need is named here; `rows`, `names` and `other_kinds` are for the pages of costs.
"""

from .amounts import Amounts
from .daily import MonthSoFar, month_so_far
from .ledger import Ledger
from .living import Living
from .prices import Prices, cost_so_far, prices_of, rates_of
from .scope import CostRange, CostScope
from .spending import cost_of_array, living_of_month, spent

__all__ = [
    "Amounts",
    "CostRange",
    "CostScope",
    "Ledger",
    "Living",
    "MonthSoFar",
    "Prices",
    "cost_of_array",
    "cost_so_far",
    "living_of_month",
    "month_so_far",
    "prices_of",
    "rates_of",
    "spent",
]
