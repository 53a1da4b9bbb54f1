"""What every engine promises about several containers of one job, and about what a container may ask for:
pods, networks, volumes, addresses, GPUs, and what is refused. Each engine's test file inherits this."""

import ipaddress
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from jobs.domain import names
from jobs.domain.names import LABEL_INSTALLATION, LABEL_JOB, LABEL_POD
from jobs.engines.base import (
    Belonging,
    ContainerPhase,
    ContainerSpec,
    Device,
    Engine,
    EngineError,
    EngineUnreachable,
    EventKind,
    HostMount,
    InvalidSpec,
    Tmpfs,
    Ulimit,
    VolumeMount,
)

from .basis import EngineFixtures, Recipes, await_end, of_container, status


class GroupsContract(EngineFixtures):
    """Fixtures `recipes` and `connect_as` come from the engine's own test file."""

    @pytest.fixture
    def job_id(self) -> UUID:
        return uuid4()

    @pytest.fixture
    def network(self, installation: str, job_id: UUID) -> str:
        return names.job_network_name(installation, job_id, 1)

    @pytest.fixture
    def volume(self, job_id: UUID) -> str:
        return names.volume_name(job_id, 1, 0, "scratch")

    @pytest.fixture
    def pod(self, job_id: UUID) -> str:
        return names.pod_name(job_id, 1)

    @pytest.fixture
    def running(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        network: str,
        job_id: UUID,
    ) -> Callable[..., str]:
        """Starts a container of the job that runs until it is stopped, and gives its id."""

        def start(**changes: object) -> str:
            fields = {"network": network, "labels": {LABEL_JOB: str(job_id)}} | changes
            container_id = engine.create(spec(recipes.sleeps(), **fields))
            engine.start(container_id)
            return container_id

        return start

    # --- Addresses ------------------------------------------------------------------------

    def test_what_runs_has_an_address_of_its_own(
        self, engine: Engine, running: Callable[..., str]
    ) -> None:
        first, second = running(), running()
        addresses = {status(engine, each).address for each in (first, second)}
        assert len(addresses) == 2
        assert all(ipaddress.IPv4Address(address).is_private for address in addresses)

    def test_what_does_not_run_or_has_no_network_has_no_address(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        running: Callable[..., str],
        network: str,
    ) -> None:
        created = engine.create(spec(recipes.exits(0), network=network))
        ended = running()
        engine.signal(ended, "SIGKILL")
        await_end(engine, ended)
        alone = running(network="none")
        assert [status(engine, each).address for each in (created, ended, alone)] == ["", "", ""]

    # --- Pods -----------------------------------------------------------------------------

    def test_containers_of_a_pod_have_one_address(
        self, engine: Engine, running: Callable[..., str], pod: str
    ) -> None:
        first, second, other = running(pod=pod), running(pod=pod), running()
        address = status(engine, first).address
        assert address
        assert status(engine, second).address == address
        assert status(engine, other).address != address

    def test_a_pod_is_no_container_but_can_be_found(
        self,
        engine: Engine,
        running: Callable[..., str],
        pod: str,
        job_id: UUID,
        installation: str,
    ) -> None:
        member = running(pod=pod)
        assert [found.id for found in engine.containers()] == [member]
        labels = {LABEL_JOB: str(job_id), LABEL_INSTALLATION: installation, LABEL_POD: pod}
        assert engine.pods() == [Belonging(pod, labels)]

    def test_events_are_silent_about_pods(
        self, engine: Engine, running: Callable[..., str], pod: str
    ) -> None:
        events = engine.events(0)
        member = running(pod=pod)
        engine.remove_pod(pod)
        engine.signal(member, "SIGKILL")
        first, second = next(events), next(events)
        assert (first.container_id, first.kind) == (member, EventKind.STARTED)
        assert (second.container_id, second.kind) == (member, EventKind.DIED)

    def test_many_who_need_one_pod_make_one(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        pod: str,
        network: str,
    ) -> None:
        specs = [spec(recipes.sleeps(), pod=pod, network=network) for _ in range(5)]
        with ThreadPoolExecutor(len(specs)) as pool:
            made = list(pool.map(engine.create, specs))
        assert [found.name for found in engine.pods()] == [pod]
        for container_id in made:
            engine.start(container_id)
        assert len({status(engine, each).address for each in made}) == 1

    def test_a_container_whose_pod_is_gone_is_created_anew(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        pod: str,
        network: str,
    ) -> None:
        wanted = spec(recipes.exits(3), pod=pod, network=network)
        container_id = engine.create(wanted)
        engine.remove_pod(pod)
        with pytest.raises(EngineUnreachable, match="pod"):
            engine.start(container_id)
        assert status(engine, container_id).phase is ContainerPhase.CREATED
        engine.discard(container_id)
        container_id = engine.create(wanted)
        engine.start(container_id)
        await_end(engine, container_id)
        assert status(engine, container_id).exit_code == 3

    def test_removing_a_pod_is_safe_to_repeat_and_stops_nobody(
        self, engine: Engine, running: Callable[..., str], pod: str
    ) -> None:
        member = running(pod=pod)
        engine.remove_pod(pod)
        engine.remove_pod(pod)
        assert engine.pods() == []
        assert status(engine, member).phase is ContainerPhase.RUNNING

    # --- Networks -------------------------------------------------------------------------

    def test_a_jobs_network_can_be_found_and_removed(
        self,
        engine: Engine,
        running: Callable[..., str],
        network: str,
        job_id: UUID,
        installation: str,
    ) -> None:
        container_id = running()
        labels = {LABEL_JOB: str(job_id), LABEL_INSTALLATION: installation}
        assert engine.networks() == [Belonging(network, labels)]
        with pytest.raises(EngineError, match="active endpoints"):
            engine.remove_network(network)
        engine.remove(container_id)
        engine.remove_network(network)
        engine.remove_network(network)
        assert engine.networks() == []

    def test_a_pod_keeps_its_network(
        self, engine: Engine, running: Callable[..., str], network: str, pod: str
    ) -> None:
        engine.remove(running(pod=pod))
        with pytest.raises(EngineError, match="active endpoints"):
            engine.remove_network(network)
        engine.remove_pod(pod)
        engine.remove_network(network)
        assert engine.networks() == []

    def test_an_environments_network_carries_no_job(
        self, engine: Engine, running: Callable[..., str], installation: str
    ) -> None:
        name = names.network_name(installation, 7)
        running(network=name)
        assert engine.networks() == [Belonging(name, {LABEL_INSTALLATION: installation})]

    # --- Volumes --------------------------------------------------------------------------

    def test_a_volume_can_be_found_and_is_kept_until_it_is_removed(
        self,
        engine: Engine,
        running: Callable[..., str],
        volume: str,
        job_id: UUID,
        installation: str,
    ) -> None:
        mounts = [VolumeMount(volume, "/scratch")]
        first, second = running(mounts=mounts), running(mounts=mounts)
        labels = {LABEL_JOB: str(job_id), LABEL_INSTALLATION: installation}
        for container_id in (first, second):
            assert engine.volumes() == [Belonging(volume, labels)]
            with pytest.raises(EngineError, match="in use"):
                engine.remove_volume(volume)
            engine.remove(container_id)
        assert engine.volumes() == [Belonging(volume, labels)]
        engine.remove_volume(volume)
        engine.remove_volume(volume)
        assert engine.volumes() == []

    def test_installations_do_not_see_each_others_belongings(
        self,
        engine: Engine,
        connect_as: Callable[[str], Engine],
        running: Callable[..., str],
        pod: str,
        volume: str,
    ) -> None:
        stranger = connect_as(f"stranger-{uuid4().hex[:8]}")
        running(pod=pod, mounts=[VolumeMount(volume, "/scratch")])
        assert (stranger.pods(), stranger.volumes(), stranger.networks()) == ([], [], [])

    # --- The machine's service address ----------------------------------------------------

    def test_a_container_that_asks_for_the_service_address_makes_it(
        self, engine: Engine, running: Callable[..., str]
    ) -> None:
        running(service_address=True)
        assert engine.has_service_address()

    def test_making_the_service_address_is_safe_to_repeat(self, engine: Engine) -> None:
        engine.make_service_address()
        engine.make_service_address()
        assert engine.has_service_address()
        assert engine.networks() == []

    # --- What a container may ask for -----------------------------------------------------

    def test_everything_at_once_is_accepted(
        self,
        engine: Engine,
        run: Callable[..., str],
        recipes: Recipes,
        network: str,
        volume: str,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        host_path = str(tmp_path_factory.mktemp("lent"))
        container_id = run(
            recipes.exits(0),
            network=network,
            user="65534:65534",
            read_only_root=True,
            init=True,
            shm_mib=8,
            tmpfs=[Tmpfs("/memory", 1, ["noexec", "mode=1777"])],
            ulimits=[Ulimit("nofile", 100, 200), Ulimit("core", 0, 0)],
            devices=[Device("/dev/full", "/dev/none-left", "rw")],
            mounts=[HostMount(host_path, "/lent", read_only=True), VolumeMount(volume, "/scratch")],
            swap_mib=64,
            swappiness=10,
            log_options={"mode": "non-blocking", "max-buffer-size": "1m"},
            aliases=["node-0"],
        )
        assert status(engine, container_id).exit_code == 0

    def test_gpus_that_the_machine_does_not_have_are_refused_in_words(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        for wanted in (
            spec(recipes.exits(0), gpus=1),
            spec(recipes.exits(0), gpus=2, gpu_ids=["0", "1"]),
        ):
            container_id = engine.create(wanted)
            with pytest.raises(EngineError, match=r"needs GPUs.* the node's GPUs") as raised:
                engine.start(container_id)
            # Another machine may have some.
            assert not isinstance(raised.value, InvalidSpec)
            assert status(engine, container_id).phase is ContainerPhase.CREATED

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            # Docker would take the second colon for an option, and a bare word for a volume.
            ({"mounts": [HostMount("/tmp", "/a:ro")]}, "colon"),
            ({"mounts": [HostMount("/tmp:/etc", "/a")]}, "colon"),
            ({"mounts": [HostMount("tmp", "/a")]}, "not absolute"),
            ({"mounts": [HostMount("/tmp", "a")]}, "not absolute"),
            ({"mounts": [HostMount("/tmp", "//")]}, "root directory"),
            ({"mounts": [VolumeMount("/etc", "/a")]}, "no name of a volume"),
            (
                {"mounts": [HostMount("/tmp", "/a"), VolumeMount("vol", "/a")]},
                "Duplicate mount point",
            ),
            (
                {"mounts": [HostMount("/tmp", "/a")], "tmpfs": [Tmpfs("/a", 1)]},
                "Duplicate mount point",
            ),
            ({"tmpfs": [Tmpfs("/a", 0)]}, "at least 1 MiB"),
            ({"tmpfs": [Tmpfs("a", 1)]}, "not absolute"),
            ({"tmpfs": [Tmpfs("/a", 1, ["bind"])]}, "'bind'"),
            ({"shm_mib": 0}, "at least 1 MiB"),
            ({"swap_mib": -1}, "swap"),
            ({"swap_mib": 1, "swappiness": 101}, "swappiness"),
            ({"ulimits": [Ulimit("nofile", 20, 10)]}, "ulimit nofile"),
            ({"ulimits": [Ulimit("nofile", -1, 10)]}, "ulimit nofile"),
            ({"ulimits": [Ulimit("core", 0, 0), Ulimit("core", 1, 1)]}, "two ulimits"),
            ({"devices": [Device("dev/null", "/dev/a")]}, "not absolute"),
            ({"devices": [Device("/dev/null", "/dev/a", "x")]}, "permissions"),
            ({"devices": [Device("/dev/null", "/dev/a", "")]}, "permissions"),
            ({"gpus": -1}, "GPUs"),
            ({"gpus": 1, "gpu_ids": ["0", "1"]}, "GPUs"),
            ({"network": "none", "aliases": ["a"]}, "aliases"),
            ({"network": "host", "pod": "p"}, "pod"),
            ({"log_options": {"max-size": "1k"}}, "max-size"),
            ({"log_options": {"mode": "odd"}}, "odd"),
            ({"log_options": {"max-buffer-size": "1m"}}, "max-buffer-size"),
        ],
    )
    def test_what_cannot_be_is_refused_and_leaves_nothing(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        changes: dict[str, object],
        words: str,
    ) -> None:
        with pytest.raises(InvalidSpec, match=words):
            engine.create(spec(recipes.exits(0), **changes))
        assert engine.containers() == []
        assert (engine.pods(), engine.volumes(), engine.networks()) == ([], [], [])

    def test_a_container_of_a_pod_keeps_its_own_limits_and_end(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        pod: str,
        network: str,
    ) -> None:
        container_id = engine.create(spec(recipes.exits(5), pod=pod, network=network))
        events = engine.events(0)
        engine.start(container_id)
        of_container(events, container_id, 2)
        ended = status(engine, container_id)
        assert (ended.exit_code, ended.address) == (5, "")
        assert [found.name for found in engine.pods()] == [pod]
