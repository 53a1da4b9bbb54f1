"""Dependencies: who waits for whom, who may go, and how a failure travels."""

from collections.abc import Sequence

import pytest

from jobs.domain.ids import new_job_id
from jobs.models import Job, JobDependency, JobStatus
from jobs.services.passes import counterparts, failing, settle
from jobs.services.passes.lease import Lease
from jobs.services.requests.stop import cancel_job
from tests.builders import NOW
from tests.services.stepping import (
    check_summaries,
    child,
    children,
    end,
    reason,
    schedule,
    status,
    statuses,
    submitted,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["whole", "in small portions"])
def _portions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever portion the work is done in, the outcome is the same."""
    if request.param != "whole":
        for module in (settle, failing, counterparts):
            monkeypatch.setattr(module, "PORTION", 2)


def ids_of(jobs: Sequence[Job]) -> list[str]:
    return [str(job.id) for job in jobs]


def test_a_job_waits_until_all_that_it_depends_on_have_succeeded(lease: Lease) -> None:
    first, second = submitted(), submitted()
    last = submitted(first, second)
    schedule(lease)
    assert statuses([first, second, last]) == ["RUNNABLE", "RUNNABLE", "PENDING"]
    end(first)
    schedule(lease)
    assert status(last) == JobStatus.PENDING
    end(second)
    schedule(lease)
    assert status(last) == JobStatus.RUNNABLE
    assert set(JobDependency.objects.values_list("met", flat=True)) == {True}


@pytest.mark.parametrize("when", ["before the submission", "before it is taken up", "after"])
@pytest.mark.parametrize("ok", [True, False])
def test_it_does_not_matter_when_what_it_depends_on_ends(lease: Lease, when: str, ok: bool) -> None:
    on = submitted()
    schedule(lease)
    if when == "before the submission":
        end(on, ok=ok)
        schedule(lease)
    job = submitted(on)
    if when == "before it is taken up":
        end(on, ok=ok)
    schedule(lease)
    if when == "after":
        end(on, ok=ok)
        schedule(lease)
    assert status(job) == ("RUNNABLE" if ok else "FAILED")
    assert not Job.objects.filter(needs_settling=True).exists()


def test_a_failure_names_the_job_that_failed_first_and_why(lease: Lease) -> None:
    first = submitted(name="fetch")
    second = submitted(first, name="clean")
    third = submitted(second, name="train")
    schedule(lease)
    end(first, ok=False, reason="OutOfMemory")
    schedule(lease)
    said = f"Dependent Job failed: fetch ({first.id}): OutOfMemory"
    assert [reason(second), reason(third)] == [said, said]
    # Nor does who comes later blame the messenger.
    late = submitted(third)
    schedule(lease)
    assert (status(late), reason(late)) == ("FAILED", said)


def test_a_cancelled_job_fails_its_dependents(lease: Lease) -> None:
    first = submitted(name="fetch")
    second = submitted(first)
    schedule(lease)
    cancel_job(job=first, reason="not needed", now=NOW)
    schedule(lease)
    assert reason(second) == f"Dependent Job failed: fetch ({first.id}): not needed"


def test_what_was_cancelled_itself_keeps_its_own_reason(lease: Lease) -> None:
    first = submitted()
    second = submitted(first)
    schedule(lease)
    cancel_job(job=second, reason="not needed", now=NOW)
    end(first, ok=False)
    schedule(lease)
    assert reason(second) == "not needed"


@pytest.mark.usefixtures("_portions")
def test_a_diamond_goes_when_both_sides_have_succeeded(lease: Lease) -> None:
    top = submitted()
    left, right = submitted(top), submitted(top)
    bottom = submitted(left, right)
    schedule(lease)
    end(top)
    schedule(lease)
    assert statuses([left, right, bottom]) == ["RUNNABLE", "RUNNABLE", "PENDING"]
    end(left)
    schedule(lease)
    assert status(bottom) == JobStatus.PENDING
    end(right)
    schedule(lease)
    assert status(bottom) == JobStatus.RUNNABLE


def test_of_two_failures_the_earlier_is_named(lease: Lease) -> None:
    first, second = submitted(name="early"), submitted(name="late")
    last = submitted(second, first)
    schedule(lease)
    end(first, ok=False)
    end(second, ok=False)
    schedule(lease)
    assert reason(last).startswith(f"Dependent Job failed: early ({first.id})")


# --- Arrays as a whole ------------------------------------------------------------------------


@pytest.mark.usefixtures("_portions")
def test_a_job_that_depends_on_an_array_waits_for_all_its_children(lease: Lease) -> None:
    array = submitted(size=3)
    job = submitted(array)
    schedule(lease)
    first, *rest = children(array)
    end(*rest)
    schedule(lease)
    assert status(job) == JobStatus.PENDING
    end(first)
    schedule(lease)
    assert statuses([array, job]) == ["SUCCEEDED", "RUNNABLE"]


def test_the_child_that_failed_first_is_named_for_its_array(lease: Lease) -> None:
    array = submitted(size=3, name="render")
    job = submitted(array)
    schedule(lease)
    end(child(array, 1), ok=False, reason="OutOfMemory")
    end(child(array, 0), child(array, 2))
    schedule(lease)
    assert statuses([array, job]) == ["FAILED", "FAILED"]
    assert reason(job) == f"Dependent Job failed: render ({array.id}:1): OutOfMemory"


@pytest.mark.usefixtures("_portions")
def test_an_array_that_depends_on_a_job_lets_all_its_children_go_after_it(lease: Lease) -> None:
    job = submitted()
    array = submitted(job, size=5)
    schedule(lease)
    assert statuses([array, *children(array)]) == ["PENDING"] * 6
    end(job)
    schedule(lease)
    assert statuses(children(array)) == ["RUNNABLE"] * 5
    check_summaries()


@pytest.mark.usefixtures("_portions")
def test_an_array_fails_with_all_its_children_when_its_dependency_fails(lease: Lease) -> None:
    job = submitted(name="fetch")
    array = submitted(job, size=5)
    after = submitted(array)
    schedule(lease)
    end(job, ok=False, reason="Exit")
    schedule(lease)
    said = f"Dependent Job failed: fetch ({job.id}): Exit"
    for one in (array, after, *children(array)):
        assert (status(one), reason(one)) == ("FAILED", said)
    check_summaries()


def test_a_job_can_depend_on_one_child_of_an_array(lease: Lease) -> None:
    array = submitted(size=3)
    job = submitted(child(array, 1))
    schedule(lease)
    end(child(array, 0))
    schedule(lease)
    assert status(job) == JobStatus.PENDING
    end(child(array, 1))
    schedule(lease)
    assert status(job) == JobStatus.RUNNABLE


# --- N_TO_N -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("_portions")
def test_n_to_n_each_child_waits_for_its_counterpart(lease: Lease) -> None:
    first = submitted(size=4)
    second = submitted((first, "N_TO_N"), size=4)
    schedule(lease)
    assert statuses(children(second)) == ["PENDING"] * 4
    end(child(first, 2))
    schedule(lease)
    assert statuses(children(second)) == ["PENDING", "PENDING", "RUNNABLE", "PENDING"]
    end(*(child(first, index) for index in (0, 1, 3)))
    schedule(lease)
    assert statuses(children(second)) == ["RUNNABLE"] * 4
    assert JobDependency.objects.get().met
    check_summaries()


@pytest.mark.usefixtures("_portions")
def test_n_to_n_a_failed_child_fails_its_counterpart_alone_and_that_one_s(lease: Lease) -> None:
    first = submitted(size=3, name="cut")
    second = submitted((first, "N_TO_N"), size=3)
    third = submitted((second, "N_TO_N"), size=3)
    schedule(lease)
    end(child(first, 1), ok=False, reason="Exit")
    end(child(first, 0), child(first, 2))
    schedule(lease)
    said = f"Dependent Job failed: cut ({first.id}:1): Exit"
    assert statuses(children(second)) == ["RUNNABLE", "FAILED", "RUNNABLE"]
    assert statuses(children(third)) == ["PENDING", "FAILED", "PENDING"]
    assert [reason(child(second, 1)), reason(child(third, 1))] == [said, said]
    for array in (second, third):
        end(child(array, 0), child(array, 2))
        schedule(lease)
        assert (status(array), reason(array)) == ("FAILED", "Array Child Job failed")
    check_summaries()


@pytest.mark.usefixtures("_portions")
def test_n_to_n_several_arrays_and_a_plain_dependency_together(lease: Lease) -> None:
    left, right, gate = submitted(size=2), submitted(size=2), submitted()
    both = submitted((left, "N_TO_N"), (right, "N_TO_N"), gate, size=2)
    schedule(lease)
    end(child(left, 0), child(right, 0), child(left, 1))
    schedule(lease)
    assert statuses(children(both)) == ["PENDING"] * 2
    end(gate)
    schedule(lease)
    assert statuses(children(both)) == ["RUNNABLE", "PENDING"]
    end(child(right, 1))
    schedule(lease)
    assert statuses(children(both)) == ["RUNNABLE"] * 2


@pytest.mark.parametrize("when", ["before the submission", "before it is taken up"])
@pytest.mark.usefixtures("_portions")
def test_n_to_n_counterparts_that_ended_before_count(lease: Lease, when: str) -> None:
    first = submitted(size=4)
    schedule(lease)
    second = None
    if when == "before it is taken up":
        second = submitted((first, "N_TO_N"), size=4)
    end(child(first, 0), child(first, 1))
    end(child(first, 2), ok=False)
    if when == "before the submission":
        schedule(lease)
        second = submitted((first, "N_TO_N"), size=4)
    assert second is not None
    schedule(lease)
    assert statuses(children(second)) == ["RUNNABLE", "RUNNABLE", "FAILED", "PENDING"]
    check_summaries()


# --- SEQUENTIAL -------------------------------------------------------------------------------


@pytest.mark.usefixtures("_portions")
def test_sequential_children_go_one_after_the_other(lease: Lease) -> None:
    array = submitted(size=3, sequential=True)
    for index in range(3):
        schedule(lease)
        expected = ["SUCCEEDED"] * index + ["RUNNABLE"] + ["PENDING"] * (2 - index)
        assert statuses(children(array)) == expected
        end(child(array, index))
    schedule(lease)
    assert status(array) == JobStatus.SUCCEEDED
    check_summaries()


@pytest.mark.usefixtures("_portions")
def test_sequential_no_child_goes_after_one_that_failed(lease: Lease) -> None:
    array = submitted(size=6, sequential=True, name="steps")
    schedule(lease)
    end(child(array, 0))
    schedule(lease)
    end(child(array, 1), ok=False, reason="Exit")
    schedule(lease)
    assert statuses([array, *children(array)]) == ["FAILED", "SUCCEEDED", *["FAILED"] * 5]
    assert reason(child(array, 5)) == f"Dependent Job failed: steps ({array.id}:1): Exit"
    check_summaries()


def test_sequential_a_child_cancelled_in_the_middle_fails_only_those_after_it(
    lease: Lease,
) -> None:
    array = submitted(size=5, sequential=True)
    schedule(lease)
    cancel_job(job=child(array, 2), reason="enough", now=NOW)
    schedule(lease)
    assert statuses(children(array)) == ["RUNNABLE", "PENDING", "FAILED", "FAILED", "FAILED"]
    end(child(array, 0))
    schedule(lease)
    assert status(child(array, 1)) == JobStatus.RUNNABLE


@pytest.mark.usefixtures("_portions")
def test_sequential_with_n_to_n_waits_for_both(lease: Lease) -> None:
    first = submitted(size=3)
    steps = submitted((first, "N_TO_N"), size=3, sequential=True)
    schedule(lease)
    end(child(first, 1))
    schedule(lease)
    assert statuses(children(steps)) == ["PENDING"] * 3
    end(child(first, 0))
    schedule(lease)
    assert statuses(children(steps)) == ["RUNNABLE", "PENDING", "PENDING"]
    end(child(steps, 0))
    schedule(lease)
    assert statuses(children(steps)) == ["SUCCEEDED", "RUNNABLE", "PENDING"]


# --- Thousands --------------------------------------------------------------------------------


def a_web(*layers: int) -> list[list[Job]]:
    """Layers of jobs; each job depends on up to 20 of the layer before. Written in bulk."""
    first = submitted()
    made: list[list[Job]] = [[first]]
    edges = []
    for size in layers:
        before = made[-1]
        made.append([copy_of(first) for _ in range(size)])
        edges += [
            JobDependency(job=job, on=before[(at + step) % len(before)])
            for at, job in enumerate(made[-1])
            for step in range(min(20, len(before)))
        ]
    Job.objects.bulk_create(job for layer in made[1:] for job in layer)
    JobDependency.objects.bulk_create(edges)
    Job.objects.filter(id__in=[edge.on_id for edge in edges]).update(has_dependents=True)
    return made


def copy_of(job: Job) -> Job:
    values = {
        field.attname: getattr(job, field.attname)
        for field in Job._meta.concrete_fields
        if not field.primary_key
    }
    return Job(id=new_job_id(), **values)
