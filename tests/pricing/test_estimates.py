from decimal import Decimal

from jobs.domain.resources import Resources
from jobs.pricing.cost import Rates
from jobs.pricing.estimates import by_fargate, by_instances, by_rates
from jobs.pricing.other_kinds import Offer, fargate_kinds, instance_kinds

RATES = Rates(Decimal("0.04048"), Decimal("0.004445"))
LARGE = Offer("m5.large", 2000, 8192, Decimal("0.096"), Decimal("0.0362"))
XLARGE = Offer("m5.xlarge", 4000, 16384, Decimal("0.192"), Decimal("0.08"))
MEMORY = Offer("r5.large", 2000, 16384, Decimal("0.126"), None)
OFFERS = [XLARGE, MEMORY, LARGE]


def test_by_rates_a_run_is_billed_for_a_minute_at_least() -> None:
    # 1 vCPU, 2 GiB: 0.04937 an hour; a sixtieth of that for anything up to a minute.
    found = by_rates([Resources(1000, 2048)], RATES)
    assert found.usd == Decimal("0.04937")
    assert found.of_run(3) == found.of_run(60) == Decimal("0.000822833")
    assert found.of_run(360) == Decimal("0.004937")


def test_by_instances_the_cheapest_type_that_holds_it_is_taken() -> None:
    # Half of m5.large's vCPUs and an eighth of its memory: (1/2 + 1/8) / 2 = 5/16 of 0.096 = 0.03.
    found = by_instances([Resources(1000, 1024)], OFFERS, spot=False)
    assert found is not None
    assert (found.type_name, found.usd, found.alone_usd) == (
        "m5.large",
        Decimal("0.03"),
        Decimal("0.096"),
    )
    # To the second, without a minimum: 36 s are a hundredth of an hour.
    assert found.of_run(36) == Decimal("0.0003")


def test_by_instances_spot_leaves_out_what_is_not_to_be_had_as_spot() -> None:
    # 12 GiB fit r5.large and m5.xlarge; only the latter is Spot: (1/4 + 3/4) / 2 = 1/2 of 0.08.
    needs = [Resources(1000, 12288)]
    on_demand = by_instances(needs, OFFERS, spot=False)
    spot = by_instances(needs, OFFERS, spot=True)
    assert on_demand is not None
    assert spot is not None
    assert (on_demand.type_name, spot.type_name, spot.usd) == (
        "r5.large",
        "m5.xlarge",
        Decimal("0.04"),
    )


def test_by_instances_every_node_needs_a_type() -> None:
    nodes = [Resources(2000, 8192), Resources(1000, 1024, gpus=1)]
    assert by_instances(nodes, OFFERS, spot=False) is None
    both = by_instances([nodes[0], nodes[0]], OFFERS, spot=False)
    assert both is not None
    assert both.usd == both.alone_usd == Decimal("0.192")


def test_by_fargate_spot_is_a_fraction_and_storage_counts() -> None:
    # 0.04937 + 30 x 0.000111 = 0.0527; 30 % of it 0.01581.
    found = by_fargate(
        [(1000, 2048)],
        rates=RATES,
        ephemeral_gib=30,
        usd_per_ephemeral_gib_hour=Decimal("0.000111"),
        fraction=Decimal("0.3"),
    )
    assert found.usd == Decimal("0.01581")


def test_the_same_work_on_other_kinds() -> None:
    # 10 vCPU-hours and 20 GiB-hours. m5.large: max(10/2, 20/8) = 5 hours at 0.096 = 0.48; Spot 5 x 0.0362.
    # m5.xlarge: 2.5 hours at 0.192 = 0.48, at 0.08 = 0.2. r5.large: 5 hours at 0.126.
    # Fargate: 0.4048 + 0.0889 = 0.4937; Spot 30 % of that.
    work = {"vcpu_seconds": Decimal(36000), "gib_seconds": Decimal(72000)}
    found = [
        (each.capacity, each.usd, each.type_name) for each in instance_kinds(**work, offers=OFFERS)
    ]
    assert found == [
        ("EC2", Decimal("0.48"), "m5.large"),
        ("SPOT", Decimal("0.181"), "m5.large"),
    ]
    assert instance_kinds(**work, offers=[]) == []
    assert [each.usd for each in fargate_kinds(**work, rates=RATES)] == [
        Decimal("0.4937"),
        Decimal("0.14811"),
    ]
