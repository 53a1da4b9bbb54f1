"""What a container asked for, as its command and the kernel see it. Docker Engine only."""

from collections.abc import Callable
from uuid import uuid4

import docker
import pytest

from jobs.engines.base import (
    CannotStart,
    ContainerSpec,
    Device,
    Engine,
    EngineError,
    HostMount,
    InvalidSpec,
    Tmpfs,
    Ulimit,
    VolumeMount,
)

from .basis import EngineFixtures, Recipes, log, status, text
from .docker_basis import DockerFixtures

pytestmark = pytest.mark.engine
MIB = 1024 * 1024
NOBODY = "65534"


class TestOptions(DockerFixtures, EngineFixtures):
    @pytest.fixture
    def shell(self, engine: Engine, run: Callable[..., str]) -> Callable[..., str]:
        """Runs shell commands to their end and gives what they said."""

        def said(script: str, **changes: object) -> str:
            return text(engine, run(["sh", "-c", f"exec 2>&1; {script}"], **changes)).decode()

        return said

    @pytest.mark.parametrize(
        ("user", "seen"),
        [
            ("", "0 0"),
            ("nobody", f"{NOBODY} {NOBODY}"),
            ("1234", "1234 0"),
            ("1234:nogroup", f"1234 {NOBODY}"),
        ],
    )
    def test_the_command_runs_as_the_user(
        self, shell: Callable[..., str], user: str, seen: str
    ) -> None:
        assert shell("echo $(id -u) $(id -g)", user=user).strip() == seen

    def test_a_read_only_root_lets_write_to_tmpfs_and_volumes_only(
        self, shell: Callable[..., str]
    ) -> None:
        said = shell(
            "touch /file /memory/file /scratch/file; ls /memory /scratch",
            read_only_root=True,
            tmpfs=[Tmpfs("/memory", 1)],
            mounts=[VolumeMount(f"v-{uuid4().hex}", "/scratch")],
        )
        assert "touch: /file: Read-only file system" in said
        assert said.count("file\n") == 2

    def test_tmpfs_has_its_size_and_options(self, shell: Callable[..., str]) -> None:
        (line,) = shell(
            "grep ' /memory ' /proc/mounts",
            tmpfs=[Tmpfs("/memory", 3, ["exec", "mode=700", "uid=1234"])],
        ).splitlines()
        kind, options = line.split()[2], line.split()[3].split(",")
        assert kind == "tmpfs"
        assert {"rw", "size=3072k", "mode=700", "uid=1234"} <= set(options)
        assert "noexec" not in options

    def test_shared_memory_has_its_size(self, shell: Callable[..., str]) -> None:
        assert shell("df -k /dev/shm | tail -1 | awk '{print $2}'", shm_mib=7) == f"{7 * 1024}\n"

    def test_ulimits_hold(self, shell: Callable[..., str]) -> None:
        limits = [
            Ulimit("nofile", 100, 200),
            Ulimit("core", 0, 0),
            Ulimit("stack", 4 * MIB, 8 * MIB),
        ]
        said = shell("grep -E 'open files|core file|stack' /proc/self/limits", ulimits=limits)
        rows = sorted(line.split()[-3:-1] for line in said.splitlines())
        assert rows == [["0", "0"], ["100", "200"], [str(4 * MIB), str(8 * MIB)]]

    @pytest.mark.parametrize(("init", "first"), [(False, "sh"), (True, "docker-init")])
    def test_an_init_process_is_the_first_one_if_asked_for(
        self, shell: Callable[..., str], init: bool, first: str
    ) -> None:
        assert shell("cat /proc/1/comm; true", init=init).strip() == first

    @pytest.mark.parametrize(("permissions", "written"), [("w", True), ("r", False), ("rw", True)])
    def test_a_device_is_there_with_its_permissions(
        self, shell: Callable[..., str], permissions: str, written: bool
    ) -> None:
        # Opened, and nothing is written: the kernel's own log is a device that all machines have.
        said = shell(
            "if (: > /dev/mine); then echo written; fi",
            devices=[Device("/dev/kmsg", "/dev/mine", permissions)],
        )
        assert ("written" in said) is written
        assert ("Operation not permitted" in said) is not written

    def test_swap_comes_on_top_of_the_memory(
        self, engine: Engine, run: Callable[..., str], client: docker.APIClient
    ) -> None:
        limits = client.inspect_container(run(["true"], memory_mib=64, swap_mib=32, swappiness=7))
        host = limits["HostConfig"]
        assert (host["Memory"], host["MemorySwap"]) == (64 * MIB, 96 * MIB)
        # Docker leaves it out where the kernel (cgroup 2) cannot do it.
        assert host["MemorySwappiness"] in {7, None}

    @pytest.mark.parametrize("read_only", [False, True])
    def test_a_host_directory_is_mounted(
        self,
        shell: Callable[..., str],
        tmp_path_factory: pytest.TempPathFactory,
        read_only: bool,
    ) -> None:
        lent = tmp_path_factory.mktemp("lent")
        (lent / "given").write_text("from outside\n")
        said = shell(
            "cat /lent/given; touch /lent/made",
            mounts=[HostMount(str(lent), "/lent", read_only=read_only)],
        )
        assert said.startswith("from outside\n")
        assert (lent / "made").exists() is not read_only
        assert ("Read-only file system" in said) is read_only

    def test_containers_share_a_volume(self, shell: Callable[..., str]) -> None:
        volume = f"v-{uuid4().hex}"
        shell("echo for the other > /out/file", mounts=[VolumeMount(volume, "/out")])
        said = shell(
            "cat /in/file; touch /in/more", mounts=[VolumeMount(volume, "/in", read_only=True)]
        )
        assert said.startswith("for the other\n")
        assert "Read-only file system" in said

    def test_a_container_that_does_not_wait_for_its_log_is_told_to_docker(
        self, engine: Engine, run: Callable[..., str], client: docker.APIClient
    ) -> None:
        options = {"mode": "non-blocking", "max-buffer-size": "2m"}
        container_id = run(["echo", "hello"], log_options=options)
        config = client.inspect_container(container_id)["HostConfig"]["LogConfig"]
        kept = {"max-size": "1000t", "max-file": "1", "compress": "false"}
        assert config == {"Type": "local", "Config": {**kept, **options}}
        assert [frame.data for frame in log(engine, container_id)] == [b"hello\n"]

    def test_a_privileged_container_has_the_hosts_devices(
        self, engine: Engine, recipes: Recipes, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(["test", "-c", "/dev/kmsg"], privileged=True))
        try:
            engine.start(container_id)
        except InvalidSpec as refused:
            # Docker itself runs without all of root's privileges here, and cannot give them away.
            assert str(refused).startswith("privileged: ")  # noqa: PT017
        else:
            list(engine.logs(container_id, since_ns=0, follow=True))
            assert status(engine, container_id).exit_code in {None, 0}

    @pytest.mark.parametrize("privileged", [False, True])
    def test_new_privileges_are_for_privileged_containers_only(
        self,
        engine: Engine,
        spec: Callable[..., ContainerSpec],
        client: docker.APIClient,
        privileged: bool,
    ) -> None:
        container_id = engine.create(spec(["true"], privileged=privileged))
        host = client.inspect_container(container_id)["HostConfig"]
        assert host["Privileged"] is privileged
        assert ("no-new-privileges" in (host["SecurityOpt"] or [])) is not privileged

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"user": "nosuch"}, "user: unable to find user nosuch"),
            ({"user": "0:nosuch"}, "user: unable to find group nosuch"),
            ({"user": "99999999999"}, "user: "),
            ({"tmpfs": [Tmpfs("/a", 1, ["odd"])]}, "tmpfs: .*odd"),
            ({"ulimits": [Ulimit("odd", 1, 1)]}, "ulimits: .*ODD"),
            # More than the kernel allows anybody.
            ({"ulimits": [Ulimit("nofile", 10**12, 10**12)]}, "ulimits: "),
        ],
    )
    def test_what_is_refused_at_the_start_names_the_member(
        self,
        engine: Engine,
        spec: Callable[..., ContainerSpec],
        changes: dict[str, object],
        words: str,
    ) -> None:
        container_id = engine.create(spec(["true"], **changes))
        with pytest.raises(InvalidSpec, match=words):
            engine.start(container_id)

    def test_a_device_that_this_machine_does_not_have_may_be_on_another(
        self, engine: Engine, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(["true"], devices=[Device("/dev/nosuch", "/dev/a")]))
        with pytest.raises(EngineError, match="/dev/nosuch") as raised:
            engine.start(container_id)
        assert not isinstance(raised.value, InvalidSpec | CannotStart)

    def test_gpus_are_asked_for_by_number_or_by_id(
        self, engine: Engine, spec: Callable[..., ContainerSpec], client: docker.APIClient
    ) -> None:
        asked = [
            client.inspect_container(engine.create(wanted))["HostConfig"]["DeviceRequests"]
            for wanted in (spec([], gpus=2), spec([], gpus=2, gpu_ids=["0", "GPU-1a"]))
        ]
        assert [(each["Count"], each["DeviceIDs"]) for (each,) in asked] == [
            (2, None),
            (0, ["0", "GPU-1a"]),
        ]
        assert all(each["Capabilities"] == [["gpu"]] for (each,) in asked)
