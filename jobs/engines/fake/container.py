"""A fake container: what it was asked to be, and how far its script is."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..base import ContainerPhase, ContainerSpec, ContainerStatus, LogFrame
from .scripts import Exit, Output, Script


@dataclass(eq=False)
class Container:
    """`script` is known once it was started; `taken` counts the steps that were. `news` is there while
    somebody waits for more of its log."""

    id: str
    spec: ContainerSpec
    labels: Mapping[str, str]
    installation: str
    phase: ContainerPhase = ContainerPhase.CREATED
    script: Script = field(default_factory=Script)
    taken: int = 0
    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    started_ns: int = 0
    finished_ns: int = 0
    address: str = ""
    frames: list[LogFrame] = field(default_factory=list)
    news: threading.Condition | None = None

    @property
    def next_step(self) -> Output | Exit | None:
        steps = self.script.steps
        return steps[self.taken] if self.taken < len(steps) else None

    def tell(self) -> None:
        """Wakes those who follow its log."""
        if self.news is not None:
            self.news.notify_all()

    def status(self) -> ContainerStatus:
        return ContainerStatus(
            id=self.id,
            name=self.spec.name,
            phase=self.phase,
            labels=self.labels,
            exit_code=self.exit_code,
            oom_killed=self.oom_killed,
            error=self.error,
            started_ns=self.started_ns,
            finished_ns=self.finished_ns,
            address=self.address,
        )
