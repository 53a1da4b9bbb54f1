"""What fits a definition's jobs, and what it would save: worked by hand."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain.fargate import SIZES
from jobs.domain.resources import Resources
from jobs.pricing import right_sizing
from jobs.pricing.cost import Rates
from jobs.pricing.fargate import cheapest_size
from jobs.pricing.right_sizing import Run, Sample, Spread, advise

# 2 vCPUs and 4 GiB cost 2 x 0.04 + 4 x 0.005 = 0.10 dollars an hour.
RATES = Rates(Decimal("0.04"), Decimal("0.005"))
ASKED = Resources(2000, 4096)


def a_run(*samples: tuple[int, int], **fields: Any) -> Run:
    values = {"asked": ASKED, "usd": Decimal("0.10"), "rates": RATES, **fields}
    return Run(samples=[Sample(*each) for each in samples], **values)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([7], Spread(7, 7, 7)),
        ([1, 2], Spread(1, 2, 2)),
        (range(1, 101), Spread(50, 95, 100)),
        # Of twenty, the nineteenth; of twenty-one, the twentieth.
        ([*range(1, 20), 99], Spread(10, 19, 99)),
        ([*range(1, 21), 99], Spread(11, 20, 99)),
        ([5, 1, 3], Spread(3, 5, 5)),
    ],
)
def test_percentiles_are_values_that_there_were(values: Sequence[int], found: Spread) -> None:
    assert right_sizing.spread(values) == found


@pytest.mark.parametrize(
    ("p95", "asked", "fits"),
    [
        (0, 1000, 250),
        (1, 1000, 250),
        (250, 1000, 250),
        (251, 1000, 500),
        (1001, 4000, 1250),
        # What it asked for is a hard limit, so it is enough.
        (1990, 2000, 2000),
        (2004, 2000, 2000),
        (90, 100, 100),
    ],
)
def test_vcpus_are_the_95th_percentile_in_quarters(p95: int, asked: int, fits: int) -> None:
    assert right_sizing.fitting_vcpus(Spread(0, p95, 9999), asked=asked) == fits


@pytest.mark.parametrize(
    ("peak", "ran_out_at", "asked", "fits"),
    [
        # 100 x 1.2 = 120, in steps of 64.
        (100, 0, 4096, 128),
        (0, 0, 4096, 64),
        # 107 x 1.2 = 128.4 is more than two steps.
        (106, 0, 4096, 128),
        (107, 0, 4096, 192),
        # 853 x 1.2 = 1023.6; 854 x 1.2 = 1024.8, from there on in steps of 256.
        (853, 0, 4096, 1024),
        (854, 0, 4096, 1280),
        # 7000 x 1.2 = 8400, beyond 8 GiB in whole ones.
        (7000, 0, 16384, 9216),
        # All that it asked for, and it never ran out.
        (500, 0, 512, 512),
        # 512 MiB were not enough: 614.4, so 640.
        (480, 512, 512, 640),
        # They were not enough, but 1024 were, with a peak of 700: 840, so 896.
        (700, 512, 1024, 896),
        # As much ran out as any had.
        (1024, 1024, 1024, 1280),
    ],
)
def test_memory_is_the_peak_and_a_fifth(peak: int, ran_out_at: int, asked: int, fits: int) -> None:
    found = right_sizing.fitting_memory(Spread(0, 0, peak), ran_out_at=ran_out_at, asked=asked)
    assert found == fits


@pytest.mark.parametrize(
    ("needs", "fits"),
    [
        ((250, 512), (250, 512)),
        ((250, 513), (250, 1024)),
        # A quarter of a vCPU has at most 2 GiB.
        ((250, 2049), (500, 3072)),
        ((750, 1024), (1000, 2048)),
        # 4 vCPUs begin at 8 GiB.
        ((3000, 2048), (4000, 8192)),
        ((16001, 1024), (32000, 60 * 1024)),
        ((32001, 1024), None),
        ((1000, 245 * 1024), None),
    ],
)
def test_on_fargate_it_is_the_cheapest_size_that_holds_it(
    needs: tuple[int, int], fits: tuple[int, int] | None
) -> None:
    expected = None if fits is None else Resources(*fits)
    assert cheapest_size(Resources(*needs), rates=RATES) == expected


def test_five_runs_with_measurements_are_needed() -> None:
    # The sixth has none: it was over before the first sample.
    runs = [*[a_run((100, 100))] * 4, a_run(), a_run()]
    advice = advise(runs, on_fargate=False)
    assert (advice.runs, advice.fits, advice.saving_usd) == (4, None, None)
    assert advice.memory == Spread(100, 100, 100)
    assert right_sizing.too_few(3) == "3 runs with measurements; at least 5 are needed."
    assert right_sizing.too_few(1) == "1 run with measurements; at least 5 are needed."
    assert advise([], on_fargate=True).vcpus is None
    assert advise([*runs, a_run((100, 100))], on_fargate=False).fits == Resources(250, 128)


def test_the_saving_at_an_environments_rates() -> None:
    """Each of 5 runs asked for 2 vCPUs and 4 GiB, an hour of which costs 0.10, and cost 0.10.

    0.9 vCPUs at most (1 fits), and 800 MiB (960, so 15 steps of 64): 0.04 + 0.005 x 0.9375 = 0.0446875 an hour.
    Saved are 0.10 - 0.0446875 = 0.0553125 a run, of five runs 0.2765625.
    """
    advice = advise([a_run((900, 800))] * 5, on_fargate=False)
    assert advice.fits == Resources(1000, 960)
    assert (advice.usd, advice.saving_usd) == (Decimal("0.50"), Decimal("0.2765625"))


def test_the_saving_on_fargate() -> None:
    """1 vCPU has at least 2 GiB there: 0.05 an hour, half of what was paid. Extra storage of 0.02 an hour stays:
    of 0.12 an hour 0.05 are saved."""
    advice = advise([a_run((900, 800))] * 5, on_fargate=True)
    assert (advice.fits, advice.saving_usd) == (Resources(1000, 2048), Decimal("0.25"))
    with_storage = a_run((900, 800), usd=Decimal("0.12"), fixed_usd_per_hour=Decimal("0.02"))
    assert advise([with_storage] * 5, on_fargate=True).saving_usd == Decimal("0.25")


def test_the_saving_on_an_instance_is_a_smaller_part_of_it() -> None:
    """Of 4 vCPUs and 16 GiB, 2 and 4 are (1/2 + 1/4) / 2 = 3/8; 1 and 15/16 GiB (1/4 + 15/256) / 2 = 79/512. Of
    the 0.10 that each of 5 runs cost, 1 - 79/512 x 8/3 = 113/192 are saved: 0.5 x 113/192 = 0.294270833..."""
    runs = [a_run((900, 800), size=Resources(4000, 16384))] * 5
    assert advise(runs, on_fargate=False).saving_usd == Decimal("0.294270833")


def test_more_memory_costs_more() -> None:
    """Asked for 1 vCPU and 512 MiB (0.0425 an hour), ran out: 640 MiB are 0.043125, so 1/68 more of 0.0425 each."""
    run = a_run(
        (1000, 400),
        asked=Resources(1000, 512),
        usd=Decimal("0.0425"),
        ran_out_of_memory=True,
    )
    advice = advise([run] * 5, on_fargate=False)
    assert (advice.fits, advice.out_of_memory) == (Resources(1000, 640), 5)
    assert advice.saving_usd == Decimal("-0.003125")


def test_runs_before_the_last_thirty_days_show_use_but_no_saving() -> None:
    runs = [*[a_run((900, 800), counts=False)] * 4, a_run((1900, 800))]
    advice = advise(runs, on_fargate=False)
    assert advice.fits == Resources(2000, 960)
    # Memory alone: 4 - 0.9375 GiB at 0.005.
    assert (advice.usd, advice.saving_usd) == (Decimal("0.10"), Decimal("0.0153125"))


def test_work_that_costs_nothing_saves_nothing() -> None:
    free = a_run((900, 800), usd=Decimal(0), rates=Rates(Decimal(0), Decimal(0)))
    assert advise([free] * 5, on_fargate=False).saving_usd == 0
    assert right_sizing.extrapolated(Decimal(0), of_usd=Decimal(0), to_usd=Decimal(5)) == 0


def test_a_saving_on_a_part_is_told_of_the_whole() -> None:
    """0.2 saved of 0.5; of 1.75 that is 0.7."""
    found = right_sizing.extrapolated(Decimal("0.2"), of_usd=Decimal("0.5"), to_usd=Decimal("1.75"))
    assert found == Decimal("0.7")


SAMPLES = st.builds(Sample, st.integers(0, 4200), st.integers(0, 9000))
RUNS = st.lists(
    st.builds(
        Run,
        asked=st.builds(Resources, st.integers(100, 4000), st.integers(64, 8192)),
        samples=st.lists(SAMPLES, min_size=1, max_size=5),
        usd=st.decimals(0, 100, places=9),
        rates=st.just(RATES),
        ran_out_of_memory=st.booleans(),
    ),
    min_size=5,
    max_size=8,
)


@given(runs=RUNS, on_fargate=st.booleans())
def test_what_fits_holds_what_ran_out_of_memory_and_is_never_dearer_without_need(
    runs: list[Run], on_fargate: bool
) -> None:
    advice = advise(runs, on_fargate=on_fargate)
    fits = advice.fits
    assert fits is not None
    assert advice.saving_usd is not None
    for run in runs:
        if run.ran_out_of_memory:
            assert fits.memory_mib > run.asked.memory_mib or any(
                other.asked.memory_mib > run.asked.memory_mib for other in runs
            )
            assert fits.memory_mib >= run.asked.memory_mib
    if on_fargate:
        assert fits.memory_mib in SIZES[fits.milli_vcpus]
    else:
        assert fits.milli_vcpus <= max(run.asked.milli_vcpus for run in runs)
        if not advice.out_of_memory:
            assert fits.memory_mib <= max(run.asked.memory_mib for run in runs)
