"""Instance types held against each other, the catalogue and the machines."""

from typing import Any

import pytest

from jobs.domain.environments.compute_resources import (
    bid_percentage,
    idle_seconds,
    stranding_problems,
)
from jobs.domain.environments.instance_choice import (
    EMPTY_CATALOGUE,
    Choice,
    Machine,
    architecture_of,
    choice_problems,
    unknown_names,
    unknown_problems,
)
from jobs.domain.resources import Resources

SMALL = Choice("a1.small", Resources(2000, 4096), "x86_64", has_spot_price=True)
LARGE = Choice("a1.large", Resources(8000, 16384), "x86_64", has_spot_price=True)
ARM = Choice("g1.small", Resources(2000, 4096), "arm64", has_spot_price=True)
GPU = Choice("p1.small", Resources(2000, 4096, 1), "x86_64", has_spot_price=False)
HERE = Machine("here", Resources(2000, 24576), "amd64")
EC2 = {"type": "EC2", "maxvCpus": 16}
SPOT = {"type": "SPOT", "maxvCpus": 16}


@pytest.mark.parametrize(
    ("names", "choices", "unknown"),
    [
        (["a1.small", "a1"], [SMALL, LARGE], {}),
        (["a1.smal", "a1"], [SMALL, LARGE], {0: "a1.smal"}),
        (["b1", "a1", "c1"], [SMALL], {0: "b1", 2: "c1"}),
        (["optimal"], [Choice("c6i.large", SMALL.size, "x86_64", has_spot_price=True)], {}),
        (["default_arm64"], [SMALL], {0: "default_arm64"}),
    ],
)
def test_a_name_that_stands_for_no_type_is_unknown(
    names: list[str], choices: list[Choice], unknown: dict[int, str]
) -> None:
    assert unknown_names(names, choices) == unknown


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("m5.larg", "There is no instance type m5.larg in the catalogue. The nearest are m5.large"),
        ("m5.9xlarge", "instance type m5.9xlarge in the catalogue. The nearest are m5.xlarge"),
        ("m6", "family of instance types m6 in the catalogue. The nearest are m6i, m5."),
        ("optima", "family of instance types optima in the catalogue. The nearest are optimal"),
        ("zzz", "There is no family of instance types zzz in the catalogue."),
    ],
)
def test_the_nearest_names_are_told(name: str, said: str) -> None:
    types, families = ["m5.large", "m5.xlarge", "m6i.large"], ["m5", "m6i"]
    ((path, text),) = unknown_problems({3: name}, types=types, families=families)
    assert path == "instanceTypes[3]"
    assert said in text


def test_an_empty_catalogue_is_told_once() -> None:
    unknown = {0: "a", 1: "b"}
    assert unknown_problems(unknown, types=[], families=[]) == [("instanceTypes", EMPTY_CATALOGUE)]


@pytest.mark.parametrize(
    ("choices", "machines", "resources"),
    [
        ([SMALL], [HERE], EC2),
        ([LARGE, SMALL], [HERE], SPOT),
        ([SMALL, LARGE], [], EC2),
        ([ARM], [], EC2),
        ([ARM], [Machine("unknown", HERE.size)], EC2),
        ([SMALL, GPU], [HERE], SPOT),
    ],
)
def test_types_of_which_some_fit_are_taken(
    choices: list[Choice], machines: list[Machine], resources: dict[str, Any]
) -> None:
    assert list(choice_problems(resources, choices, machines, engine="e")) == []


@pytest.mark.parametrize(
    ("choices", "machines", "resources", "path", "said"),
    [
        ([SMALL, ARM], [], EC2, "instanceTypes", "a1.small is x86_64"),
        ([GPU], [], SPOT, "instanceTypes", "None of these has a Spot price."),
        (
            [LARGE],
            [Machine("tiny", Resources(1000, 1024)), HERE],
            EC2,
            "instanceTypes",
            "No node of the engine e can hold any of these: the largest, here, has 2 vCPU, 24 GiB "
            "(x86_64), and the smallest type, a1.large, needs 8 vCPU, 16 GiB (x86_64). Name types",
        ),
        ([ARM], [HERE], EC2, "instanceTypes", "needs 2 vCPU, 4 GiB (arm64)."),
        ([GPU], [HERE], EC2, "instanceTypes", "has 2 vCPU, 24 GiB, 0 GPU (x86_64), and the"),
        # A machine of the other architecture is not the one to compare with, however large.
        (
            [LARGE],
            [HERE, Machine("arm", Resources(64000, 65536), "aarch64")],
            EC2,
            "instanceTypes",
            "the largest, here, has 2 vCPU",
        ),
        ([SMALL, LARGE], [], {**EC2, "maxvCpus": 1}, "maxvCpus", "has 2 vCPUs. Give at least 2."),
        ([LARGE], [], {**EC2, "maxvCpus": 7}, "maxvCpus", "a1.large, the smallest type"),
    ],
)
def test_what_could_never_be_launched_is_told(
    choices: list[Choice],
    machines: list[Machine],
    resources: dict[str, Any],
    path: str,
    said: str,
) -> None:
    ((where, text),) = choice_problems(resources, choices, machines, engine="e")
    assert where == path
    assert said in text


@pytest.mark.parametrize(
    ("text", "name"),
    [("aarch64", "arm64"), ("x86_64", "x86_64"), ("AMD64", "x86_64"), ("riscv64", "riscv64")],
)
def test_machines_call_architectures_by_several_names(text: str, name: str) -> None:
    assert architecture_of(text) == name


@pytest.mark.parametrize(
    ("busy", "after", "said"),
    [
        (4000, 4, None),
        (4500, 16, None),
        (0, 1, None),
        (4000, 3, "Jobs run on 4 vCPUs of instances now. Give at least 4, or wait"),
        (4500, 4, "Jobs run on 4.5 vCPUs of instances now. Give at least 5, or wait"),
    ],
)
def test_a_maximum_below_what_runs_is_refused(busy: int, after: int, said: str | None) -> None:
    problems = list(stranding_problems(EC2, {**EC2, "maxvCpus": after}, busy_milli_vcpus=busy))
    assert [text.startswith(said or "-") for _, text in problems] == ([True] if said else [])


@pytest.mark.parametrize(
    ("resources", "own", "seconds"),
    [
        ({}, None, 300),
        ({}, 0, 0),
        ({"scalingPolicy": {"minScaleDownDelayMinutes": 20}}, None, 1200),
        ({"scalingPolicy": {"minScaleDownDelayMinutes": 20}}, 5, 1200),
        ({"scalingPolicy": {"minScaleDownDelayMinutes": 20}}, 9000, 9000),
        ({"scalingPolicy": {}}, None, 300),
    ],
)
def test_how_long_an_instance_may_be_idle(
    resources: dict[str, Any], own: int | None, seconds: int
) -> None:
    assert idle_seconds(resources, own=own, usual=300) == seconds


@pytest.mark.parametrize(
    ("given", "percent"), [({}, 100), ({"bidPercentage": 0}, 100), ({"bidPercentage": 60}, 60)]
)
def test_a_bid_that_is_not_given_is_the_whole_price(given: dict[str, int], percent: int) -> None:
    assert bid_percentage(given) == percent
