"""The worker pool: who works on what, and how much it says."""

from typing import Any, cast

from jobs.processes.workers import PULL_QUEUES, SHORT_QUEUES, Pool


def _arguments(process: Any) -> dict[str, Any]:
    return {**process._kwargs, "queues": list(process._args[1])}


def test_a_worker_in_place_of_a_dead_one_is_as_quiet_as_the_first() -> None:
    pool = Pool(short_workers=1, pull_workers=0)
    again = _arguments(pool.get_worker_process("again", burst=False))
    assert again["logging_level"] == "WARNING"


def test_a_pull_worker_that_died_is_followed_by_another() -> None:
    pool = Pool(short_workers=1, pull_workers=1)
    first = _arguments(pool.get_worker_process("first", burst=False))
    # It is not among the living, so the next one takes its place.
    second = _arguments(pool.get_worker_process("second", burst=False))
    assert first["queues"] == second["queues"] == list(PULL_QUEUES)
    pool.worker_dict["second"] = cast("Any", object())
    assert _arguments(pool.get_worker_process("third", burst=False))["queues"] == list(SHORT_QUEUES)
