"""What a definition's jobs asked for and used, the smallest request that fits, and what that would save.

Pure functions over what runs were measured to use. What fits:

- vCPUs: the 95th percentile of use, rounded up to a quarter of one. A burst beyond it only takes longer.
- Memory: the peak and a fifth more, rounded up to a sensible step. What ran out of memory counts as a peak of
  all that it had.
- Never more than the largest that a run asked for, unless one ran out of memory: the others show that it is enough.
- On Fargate: the cheapest of its sizes that holds that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction

from jobs.domain.resources import MIB_PER_GIB, MILLI, Resources

from .cost import Rates, usd_per_hour
from .fargate import cheapest_size
from .instances import part_of, rounded_down

# Fewer runs tell too little.
LEAST_RUNS = 5
VCPU_STEP = MILLI // 4
MEMORY_RESERVE = Decimal("1.2")
# Up to so many MiB, in steps of so many; beyond the last, of whole GiB.
MEMORY_STEPS = ((MIB_PER_GIB, 64), (8 * MIB_PER_GIB, 256))


@dataclass(frozen=True, slots=True)
class Sample:
    """What a run used at one moment."""

    milli_vcpus: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Run:
    """One ended run: what it asked for and cost, and what it was measured to use.

    Its price is `rates` and `fixed_usd_per_hour` beside them, or that of a part of an instance of `size`. `counts`:
    whether what it cost is of the time that savings are told for.
    """

    asked: Resources
    samples: Sequence[Sample]
    usd: Decimal
    rates: Rates
    fixed_usd_per_hour: Decimal = Decimal(0)
    size: Resources | None = None
    ran_out_of_memory: bool = False
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Spread:
    """How an amount lay: half of all samples were at most `p50`, nineteen of twenty at most `p95`."""

    p50: int
    p95: int
    peak: int


@dataclass(frozen=True, slots=True)
class Advice:
    """What the runs show. `fits` is None where they are too few, or where Fargate has no size so large.

    `usd` is what the runs that count cost, `saving_usd` how much less that would have been with `fits`; below 0
    where more is needed.
    """

    runs: int
    samples: int
    out_of_memory: int
    vcpus: Spread | None
    memory: Spread | None
    fits: Resources | None
    usd: Decimal
    saving_usd: Decimal | None


def advise(runs: Sequence[Run], *, on_fargate: bool) -> Advice:
    """What these runs, the newest first, show together. Those without samples only say if memory ran out."""
    measured = [run for run in runs if run.samples]
    samples = [sample for run in measured for sample in run.samples]
    out = [run for run in runs if run.ran_out_of_memory]
    memory = spread(sample.memory_mib for sample in samples) if samples else None
    vcpus = spread(sample.milli_vcpus for sample in samples) if samples else None
    fits = None
    if len(measured) >= LEAST_RUNS and memory is not None and vcpus is not None:
        fits = Resources(
            fitting_vcpus(vcpus, asked=max(run.asked.milli_vcpus for run in runs)),
            fitting_memory(
                memory,
                ran_out_at=max((run.asked.memory_mib for run in out), default=0),
                asked=max(run.asked.memory_mib for run in runs),
            ),
        )
    if fits is not None and on_fargate:
        fits = cheapest_size(fits, rates=runs[0].rates)
    counted = [run for run in runs if run.counts]
    return Advice(
        runs=len(measured),
        samples=len(samples),
        out_of_memory=len(out),
        vcpus=vcpus,
        memory=memory,
        fits=fits,
        usd=sum((run.usd for run in counted), Decimal(0)),
        saving_usd=None if fits is None else saving(counted, fits),
    )


def spread(values: Iterable[int]) -> Spread:
    """Percentiles by nearest rank, so that each is a value that there was. There is at least one value."""
    ordered = sorted(values)
    return Spread(p50=_ranked(ordered, 50), p95=_ranked(ordered, 95), peak=ordered[-1])


def fitting_vcpus(used: Spread, *, asked: int) -> int:
    """Thousandths of vCPUs: the 95th percentile in quarters, at most what was asked for."""
    return min(_up(max(used.p95, 1), VCPU_STEP), asked)


def fitting_memory(used: Spread, *, ran_out_at: int, asked: int) -> int:
    """MiB: the peak and a fifth in steps, at most what was asked for. `ran_out_at`: with how much memory a run
    ran out of it; 0 if none did."""
    needed = int((max(used.peak, ran_out_at, 1) * MEMORY_RESERVE).to_integral_value(ROUND_CEILING))
    rounded = in_memory_steps(needed)
    # Whoever ran with so much is no proof that it is enough, where another ran out with as much.
    return rounded if ran_out_at >= asked else min(rounded, asked)


def in_memory_steps(memory_mib: int) -> int:
    """An amount rounded up as people would write it: in 64 MiB, in quarters of a GiB, in whole GiB."""
    for limit, step in MEMORY_STEPS:
        if memory_mib <= limit:
            return _up(memory_mib, step)
    return _up(memory_mib, MIB_PER_GIB)


def saving(runs: Iterable[Run], fits: Resources) -> Decimal:
    """How much less the runs would have cost with that request, in US dollars to nine decimals, rounded down.

    Each run's cost goes with the price of an hour of what it asked for: at its rates, or as its part of its instance.
    That the instance itself might have been smaller is not counted.
    """
    total = Fraction(0)
    for run in runs:
        before = _weight(run, run.asked)
        if before > 0:
            after = _weight(run, Resources(fits.milli_vcpus, fits.memory_mib, run.asked.gpus))
            total += Fraction(run.usd) * (1 - after / before)
    return rounded_down(total)


def extrapolated(saving_usd: Decimal, *, of_usd: Decimal, to_usd: Decimal) -> Decimal:
    """A saving on what cost `of_usd` as one on what cost `to_usd`, in the same proportion."""
    if of_usd <= 0:
        return Decimal(0)
    return rounded_down(Fraction(saving_usd) * Fraction(to_usd) / Fraction(of_usd))


def too_few(runs: int) -> str:
    """What is said where there are not enough runs; empty where there are."""
    if runs >= LEAST_RUNS:
        return ""
    return (
        f"{runs} run{'' if runs == 1 else 's'} with measurements; at least {LEAST_RUNS} are needed."
    )


def _weight(run: Run, needs: Resources) -> Fraction:
    """What an hour of these would cost the run, up to a factor that is the same for all of its requests."""
    if run.size is not None:
        return part_of(needs, run.size)
    return Fraction(_hourly(needs, run.rates) + run.fixed_usd_per_hour)


def _hourly(needs: Resources, rates: Rates) -> Decimal:
    return usd_per_hour(milli_vcpus=needs.milli_vcpus, memory_mib=needs.memory_mib, rates=rates)


def _ranked(ordered: Sequence[int], percent: int) -> int:
    return ordered[-(-len(ordered) * percent // 100) - 1]


def _up(amount: int, step: int) -> int:
    return -(-amount // step) * step
