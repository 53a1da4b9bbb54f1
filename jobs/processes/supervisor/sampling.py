"""Measures what running containers use."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from jobs.engines.base import Engine, EngineError, Usage
from jobs.services.supervision import usage as services
from jobs.services.supervision.usage import MeasuredUsage

from .background import database_may_fail

logger = logging.getLogger("batchweb.supervisor")

BYTES_PER_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Running:
    """A container that runs. `started_ns` is 0 if that is not known."""

    container_id: str
    attempt_id: int
    started_ns: int


class Sampler:
    """Takes samples and remembers the newest of each container, from which the next mean begins."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._newest: dict[str, Usage] = {}

    def sample(self, containers: Sequence[Running]) -> None:
        """One sample of each, stored together. One that cannot be had now is left out."""
        newest: dict[str, Usage] = {}
        samples: list[MeasuredUsage] = []
        for container in containers:
            usage = self._usage(container.container_id)
            if usage is None:
                continue
            newest[container.container_id] = usage
            measured = self._since_before(container, usage)
            if measured is not None:
                samples.append(measured)
        self._newest = newest
        if samples:
            with database_may_fail("usage not stored"):
                services.record_samples(samples=samples, now=timezone.now())

    def _usage(self, container_id: str) -> Usage | None:
        try:
            return self._engine.usage(container_id)
        except EngineError as error:
            logger.info("no usage of %s: %s", container_id[:12], error)
            return None

    def _since_before(self, container: Running, usage: Usage) -> MeasuredUsage | None:
        before = self._newest.get(container.container_id)
        if before is None:
            if not container.started_ns:
                return None
            before = Usage(at_ns=container.started_ns, cpu_ns=0, memory_bytes=0)
        elapsed_ns = usage.at_ns - before.at_ns
        if elapsed_ns <= 0:
            return None
        return MeasuredUsage(
            attempt_id=container.attempt_id,
            milli_vcpus=max(usage.cpu_ns - before.cpu_ns, 0) * 1000 // elapsed_ns,
            memory_mib=usage.memory_bytes // BYTES_PER_MIB,
        )
