"""Each way in which a job can fail is counted as its kind."""

import pytest

from jobs.domain import failures, reasons
from jobs.domain.failures import End, kind_of, label_of
from jobs.models import StopKind

HOST = reasons.host_lost("i-1")
PULL = reasons.cannot_pull("busybox", "not found")


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (End(reasons.ESSENTIAL_EXITED, exit_code=1), "exit:1"),
        (End(reasons.ESSENTIAL_EXITED, exit_code=137), "exit:137"),
        (End(reasons.ESSENTIAL_EXITED, exit_code=137, oom_killed=True), failures.OUT_OF_MEMORY),
        (End(reasons.TIMED_OUT, exit_code=143), failures.TIME_LIMIT),
        (End(reasons.ESSENTIAL_EXITED, timed_out=True), failures.TIME_LIMIT),
        (End("stop", stop_kind="TERMINATE", stop_reason="stop"), failures.TERMINATED),
        (End("no", stop_kind="CANCEL", stop_reason="no"), failures.CANCELLED),
        # Who stops a job may say what he likes.
        (End(HOST, stop_kind="TERMINATE", stop_reason=HOST), failures.TERMINATED),
        (End("late", stop_kind="QUEUE_RULE", stop_reason="late"), failures.WAITED_TOO_LONG),
        (End("on", stop_kind="DEPENDENCY", stop_reason="on"), failures.DEPENDENCY),
        (End(reasons.dependent_failed(name="a", job="b", why="c")), failures.DEPENDENCY),
        (End(HOST), failures.HOST_LOSS),
        (End(HOST, interrupted=True), failures.SPOT_INTERRUPTION),
        # It was asked to stop, and then its machine was lost.
        (End(HOST, stop_kind="TERMINATE", stop_reason="stop"), failures.HOST_LOSS),
        (End(PULL), failures.IMAGE),
        (End(reasons.cannot_start("no such file"), exit_code=127), failures.NOT_STARTED),
        (End(reasons.secret_unavailable("gone")), failures.NOT_STARTED),
        (End("", exit_code=None), failures.OTHER),
        (End("", exit_code=0), failures.OTHER),
    ],
)
def test_a_failure_is_of_the_kind_that_its_end_tells(end: End, kind: str) -> None:
    assert kind_of(end) == kind


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("exit:3", "Exit code 3"),
        (failures.IMAGE, "Image could not be pulled"),
        ("of-a-later-version", "Other"),
    ],
)
def test_a_kind_has_a_label_in_words(kind: str, label: str) -> None:
    assert label_of(kind) == label


def test_every_kind_of_stop_has_a_kind_of_failure() -> None:
    asked = [kind for kind in StopKind if kind]
    kinds = {kind_of(End("x", stop_kind=kind, stop_reason="x")) for kind in asked}
    assert len(kinds) == len(asked)
    assert failures.OTHER not in kinds
