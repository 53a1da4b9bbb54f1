"""What every engine promises in `jobs.engines.base`, as tests. Each engine's test file inherits this."""

from abc import abstractmethod
from collections.abc import Callable
from uuid import uuid4

import pytest

from jobs.domain.names import LABEL_INSTALLATION
from jobs.engines.base import (
    AlreadyStarted,
    CannotPull,
    CannotStart,
    ContainerPhase,
    ContainerSpec,
    Engine,
    EngineUnreachable,
    EventKind,
    ImageMissing,
    InvalidSpec,
    LogSource,
    NameTaken,
    NoSuchContainer,
)

from .basis import (
    EngineFixtures,
    Recipes,
    await_end,
    await_line,
    in_background,
    log,
    of_container,
    status,
    text,
)


class EngineContract(EngineFixtures):
    """Fixtures `recipes`, `connect_as` and `unreachable` come from the engine's own test file."""

    @pytest.fixture
    @abstractmethod
    def unreachable(self) -> Engine: ...

    # --- Create, start, discard -----------------------------------------------------------

    def test_a_container_runs_to_its_end(
        self, engine: Engine, recipes: Recipes, run: Callable[..., str]
    ) -> None:
        ended = status(engine, run(recipes.exits(3)))
        assert ended.phase is ContainerPhase.EXITED
        assert ended.exit_code == 3
        assert not ended.oom_killed
        assert ended.error == ""
        assert 0 < ended.started_ns <= ended.finished_ns

    def test_a_created_container_does_not_run(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        fresh = status(engine, engine.create(spec(recipes.exits(0))))
        assert fresh.phase is ContainerPhase.CREATED
        assert fresh.exit_code is None
        assert (fresh.started_ns, fresh.finished_ns) == (0, 0)

    def test_a_second_container_of_the_same_name_is_refused(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        once = spec(recipes.exits(0))
        container_id = engine.create(once)
        with pytest.raises(NameTaken):
            engine.create(once)
        assert status(engine, once.name).id == container_id

    def test_a_missing_image_is_told(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        assert engine.has_image(recipes.image)
        assert not engine.has_image("batchweb/none-such:1")
        with pytest.raises(ImageMissing):
            engine.create(spec(recipes.exits(0), image="batchweb/none-such:1"))

    def test_more_vcpus_than_the_machine_has_are_refused(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        most = max(node.milli_vcpus for node in engine.nodes())
        with pytest.raises(InvalidSpec, match="CPUs"):
            engine.create(spec(recipes.exits(0), milli_vcpus=most + 1000))

    def test_an_unknown_command_cannot_start(
        self, engine: Engine, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(["nosuch"]))
        with pytest.raises(CannotStart) as raised:
            engine.start(container_id)
        assert str(raised.value) == 'exec: "nosuch": executable file not found in $PATH'
        failed = status(engine, container_id)
        assert failed.phase is ContainerPhase.CREATED
        assert failed.error == str(raised.value)
        assert failed.exit_code == 127
        engine.discard(container_id)
        assert engine.inspect(container_id) is None

    def test_starting_what_runs_changes_nothing(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(recipes.sleeps()))
        engine.start(container_id)
        before = status(engine, container_id)
        engine.start(container_id)
        assert status(engine, container_id) == before

    def test_a_container_that_is_gone_cannot_start(self, engine: Engine) -> None:
        with pytest.raises(NoSuchContainer):
            engine.start(uuid4().hex)

    def test_an_unstarted_container_is_discarded(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(recipes.exits(0)))
        engine.discard(container_id)
        assert engine.inspect(container_id) is None
        engine.discard(container_id)

    def test_what_runs_or_ran_is_not_discarded(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(recipes.sleeps()))
        engine.start(container_id)
        with pytest.raises(AlreadyStarted):
            engine.discard(container_id)
        engine.signal(container_id, "SIGKILL")
        await_end(engine, container_id)
        with pytest.raises(AlreadyStarted):
            engine.discard(container_id)
        assert status(engine, container_id).exit_code == 137

    # --- Signals, removal -----------------------------------------------------------------

    @pytest.mark.parametrize(("signal", "exit_code"), [("SIGTERM", 143), ("SIGKILL", 137)])
    def test_a_signal_ends_it(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        signal: str,
        exit_code: int,
    ) -> None:
        container_id = engine.create(spec(recipes.sleeps()))
        engine.start(container_id)
        await_line(engine, container_id)
        assert engine.signal(container_id, signal)
        await_end(engine, container_id)
        assert status(engine, container_id).exit_code == exit_code

    def test_signalling_what_does_not_run_is_fine(
        self, engine: Engine, recipes: Recipes, run: Callable[..., str]
    ) -> None:
        assert not engine.signal(run(recipes.exits(0)), "SIGTERM")
        assert not engine.signal(uuid4().hex, "SIGKILL")

    def test_removal_is_for_any_phase_and_safe_to_repeat(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        created = engine.create(spec(recipes.exits(0)))
        running = engine.create(spec(recipes.sleeps()))
        engine.start(running)
        for container_id in (created, running):
            engine.remove(container_id)
            assert engine.inspect(container_id) is None
            engine.remove(container_id)

    # --- Environment, labels, installations ----------------------------------------------

    def test_the_environment_reaches_the_command(
        self, engine: Engine, recipes: Recipes, run: Callable[..., str]
    ) -> None:
        command = recipes.prints_variable("GREETING")
        container_id = run(command, environment={"GREETING": "héllo = world"})
        assert text(engine, container_id) == "héllo = world\n".encode()

    def test_labels_come_back(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        installation: str,
    ) -> None:
        wanted = spec(recipes.exits(0), labels={"batchweb.attempt": "7"})
        container_id = engine.create(wanted)
        labels = {"batchweb.attempt": "7", LABEL_INSTALLATION: installation}
        assert status(engine, container_id).labels == labels
        listed = [found for found in engine.containers() if found.id == container_id]
        assert [(found.name, found.labels) for found in listed] == [(wanted.name, labels)]

    def test_installations_do_not_see_each_others_containers(
        self,
        engine: Engine,
        connect_as: Callable[[str], Engine],
        recipes: Recipes,
        run: Callable[..., str],
        spec: Callable[..., ContainerSpec],
    ) -> None:
        ours = run(recipes.exits(0))
        stranger = connect_as(f"stranger-{uuid4().hex[:8]}")
        theirs = stranger.create(spec(recipes.exits(0)))
        stranger.start(theirs)
        assert [found.id for found in engine.containers()] == [ours]
        assert [found.id for found in stranger.containers()] == [theirs]
        assert next(engine.events(0)).container_id == ours
        assert next(stranger.events(0)).container_id == theirs

    # --- Events ---------------------------------------------------------------------------

    def test_events_tell_start_and_death(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        installation: str,
    ) -> None:
        container_id = engine.create(spec(recipes.exits(0), labels={"batchweb.attempt": "7"}))
        events = engine.events(0)
        engine.start(container_id)
        started, died = of_container(events, container_id, 2)
        assert (started.kind, died.kind) == (EventKind.STARTED, EventKind.DIED)
        assert 0 < started.at_ns <= died.at_ns
        assert died.labels == {"batchweb.attempt": "7", LABEL_INSTALLATION: installation}

    def test_past_events_are_replayed_from_a_nanosecond_on(
        self, engine: Engine, recipes: Recipes, run: Callable[..., str]
    ) -> None:
        container_id = run(recipes.counts(1, 0.01))
        started, died = of_container(engine.events(1), container_id, 2)
        assert of_container(engine.events(started.at_ns), container_id, 2) == [started, died]
        assert of_container(engine.events(started.at_ns + 1), container_id, 1) == [died]

    def test_closing_ends_events_and_logs_that_wait(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(recipes.sleeps()))
        engine.start(container_id)
        events, logs = engine.events(0), engine.logs(container_id, since_ns=0, follow=True)
        rest_of_events = in_background(lambda: list(events))
        rest_of_logs = in_background(lambda: list(logs))
        engine.close()
        assert rest_of_events() is not None
        assert rest_of_logs() is not None
        with pytest.raises(EngineUnreachable):
            engine.info()

    # --- Logs -----------------------------------------------------------------------------

    def test_both_sources_come_as_they_were_written(
        self, engine: Engine, recipes: Recipes, run: Callable[..., str]
    ) -> None:
        said = [
            (LogSource.STDOUT, b"not \xff\xfe UTF-8\n"),
            (LogSource.STDERR, b"trouble\n"),
            (LogSource.STDOUT, b"\n"),
            (LogSource.STDOUT, b"no newline at the end"),
        ]
        frames = log(engine, run(recipes.says(*said)))
        for source in LogSource:
            # An engine may give the last line its newline.
            written = [data.removesuffix(b"\n") for each, data in said if each is source]
            found = [frame.data for frame in frames if frame.source is source]
            assert [data.removesuffix(b"\n") for data in found] == written

    @pytest.mark.parametrize("length", [1_000_000, 4 * 16 * 1024, 4 * 16 * 1024 - 1])
    def test_a_long_line_comes_in_frames_that_join_to_it(
        self, engine: Engine, recipes: Recipes, run: Callable[..., str], length: int
    ) -> None:
        frames = log(engine, run(recipes.says_one_line(length)))
        assert b"".join(frame.data for frame in frames) == b"x" * length + b"\n"
        assert all(0 < len(frame.data) <= 16 * 1024 for frame in frames)
        assert [frame.data.endswith(b"\n") for frame in frames[:-1]] == [False] * (len(frames) - 1)

    def test_the_log_goes_on_exactly_from_any_frame(
        self, engine: Engine, recipes: Recipes, run: Callable[..., str]
    ) -> None:
        container_id = run(recipes.counts(200, 0))
        frames = log(engine, container_id)
        assert [frame.data for frame in frames] == [b"%d\n" % number for number in range(1, 201)]
        assert log(engine, container_id) == frames
        for frame in frames[::20]:
            rest = [each for each in frames if each.at_ns >= frame.at_ns]
            assert log(engine, container_id, since_ns=frame.at_ns) == rest
        assert log(engine, container_id, since_ns=frames[-1].at_ns + 1) == []

    def test_following_gives_a_prefix_and_ends_with_the_container(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(recipes.counts(30, 0.02)))
        engine.start(container_id)
        followed = list(engine.logs(container_id, since_ns=0, follow=True))
        await_end(engine, container_id)
        whole = log(engine, container_id)
        assert followed == whole[: len(followed)]
        assert [frame.data for frame in whole] == [b"%d\n" % number for number in range(1, 31)]

    def test_a_follower_sees_lines_while_it_runs(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(recipes.counts(1000, 0.05)))
        engine.start(container_id)
        frames = engine.logs(container_id, since_ns=0, follow=True)
        assert [next(frames).data for _ in range(3)] == [b"1\n", b"2\n", b"3\n"]
        assert status(engine, container_id).phase is ContainerPhase.RUNNING

    def test_the_log_of_a_container_that_is_gone_is_refused(self, engine: Engine) -> None:
        with pytest.raises(NoSuchContainer):
            list(engine.logs(uuid4().hex, since_ns=0, follow=True))

    # --- Usage, capacity, reachability ----------------------------------------------------

    def test_usage_is_of_running_containers_only(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(recipes.sleeps()))
        assert engine.usage(container_id) is None
        engine.start(container_id)
        first, second = engine.usage(container_id), engine.usage(container_id)
        assert first is not None
        assert second is not None
        assert first.cpu_ns > 0
        assert 0 < first.memory_bytes < 64 * 1024 * 1024
        assert first.at_ns < second.at_ns
        assert first.cpu_ns <= second.cpu_ns
        engine.signal(container_id, "SIGKILL")
        await_end(engine, container_id)
        assert engine.usage(container_id) is None
        assert engine.usage(uuid4().hex) is None

    def test_it_tells_its_version_and_what_its_nodes_have(self, engine: Engine) -> None:
        info = engine.info()
        assert info.version
        assert info.boot_id
        assert engine.info() == info
        (node,) = engine.nodes()
        assert node.name
        assert node.milli_vcpus >= 1000
        assert node.memory_mib > 64
        assert node.architecture

    def test_an_image_that_nobody_has_cannot_be_pulled(self, engine: Engine) -> None:
        with pytest.raises(CannotPull) as raised:
            engine.pull("NOT an image", lambda _progress: None)
        assert str(raised.value)

    def test_an_engine_that_is_not_there_is_unreachable(
        self, unreachable: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        calls: list[Callable[[], object]] = [
            unreachable.info,
            unreachable.nodes,
            unreachable.containers,
            unreachable.pods,
            unreachable.volumes,
            unreachable.networks,
            lambda: unreachable.remove_pod("x"),
            lambda: unreachable.remove_volume("x"),
            lambda: unreachable.remove_network("x"),
            lambda: unreachable.create(spec(recipes.exits(0))),
            lambda: unreachable.start("x"),
            lambda: unreachable.discard("x"),
            lambda: unreachable.remove("x"),
            lambda: unreachable.inspect("x"),
            lambda: unreachable.signal("x", "SIGKILL"),
            lambda: unreachable.usage("x"),
            lambda: unreachable.has_image("x"),
            lambda: unreachable.pull("x", lambda _progress: None),
            lambda: next(unreachable.events(0)),
            lambda: next(unreachable.logs("x", since_ns=0, follow=False)),
        ]
        for call in calls:
            with pytest.raises(EngineUnreachable, match="does not answer"):
                call()
