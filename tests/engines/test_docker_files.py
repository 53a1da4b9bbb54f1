"""Files of volumes on Docker: what real containers see of them and do to them. Docker Engine only."""

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import docker
import pytest

from jobs.domain import names
from jobs.engines.archives import FileKind, Incomplete, entries
from jobs.engines.base import ContainerSpec, Engine, HostMount, VolumeMount
from jobs.engines.docker_engine import files

from .basis import EngineFixtures, Recipes, await_end, await_line, status, text
from .contract_of_files import FilesContract, Link, Write, found, read
from .docker_basis import DockerFixtures, remove_all

NOBODY = "65534:65534"


@pytest.fixture
def in_volume(engine: Engine, recipes: Recipes) -> Callable[[VolumeMount, str], str]:
    """Runs a shell's script as nobody in a container that has the volume, and gives what it printed."""

    def run(mount: VolumeMount, script: str) -> str:
        wanted = ContainerSpec(
            f"contract-{uuid4().hex[:12]}",
            recipes.image,
            ["sh", "-ec", f"umask 077; cd {mount.path}; {script}"],
            {},
            1000,
            64,
            "none",
            mounts=[mount],
            user=NOBODY,
        )
        container_id = engine.create(wanted)
        engine.start(container_id)
        await_end(engine, container_id)
        printed = text(engine, container_id).decode()
        assert status(engine, container_id).exit_code == 0, printed
        engine.remove(container_id)
        return printed

    return run


@pytest.mark.engine
class TestFiles(DockerFixtures, FilesContract):
    @pytest.fixture
    def write(self, in_volume: Callable[[VolumeMount, str], str]) -> Write:
        def write(mount: VolumeMount, path: str, data: bytes) -> None:
            folder, repeated = path.rpartition("/")[0], data[:1].decode()
            content = (
                f"head -c {len(data)} /dev/zero | tr '\\0' {repeated}"
                if len(data) > 100
                else f"printf %s '{data.decode()}'"
            )
            in_volume(mount, f"mkdir -p {folder}; {content} > {path}")

        return write

    @pytest.fixture
    def link(self, in_volume: Callable[[VolumeMount, str], str]) -> Link:
        def link(mount: VolumeMount, path: str, target: str) -> None:
            in_volume(mount, f"ln -s {target} {path}")

        return link


@pytest.mark.engine
class TestWhatContainersSee(DockerFixtures, EngineFixtures):
    @pytest.fixture
    def kept(self) -> VolumeMount:
        return VolumeMount(names.checkpoint_volume(uuid4()), "/kept", open_directories=["open"])

    @pytest.mark.parametrize(("user", "read_only_root"), [("", False), ("0", True), (NOBODY, True)])
    def test_any_user_may_write_to_scratch_and_open_directories(
        self,
        engine: Engine,
        run: Callable[..., str],
        kept: VolumeMount,
        user: str,
        read_only_root: bool,
    ) -> None:
        container_id = run(
            ["sh", "-ec", "echo a > /kept/open/file; echo b > /own/work/file; cat /own/work/file"],
            mounts=[kept],
            scratch="/own/work",
            user=user,
            read_only_root=read_only_root,
        )
        assert (status(engine, container_id).exit_code, text(engine, container_id)) == (0, b"b\n")
        assert read(engine, kept, "open/file") == b"a\n"

    def test_an_open_directory_of_the_node_is_the_same_for_all(
        self, engine: Engine, run: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        folder = tmp_path_factory.mktemp("shared") / "job"
        mount = HostMount(str(folder), "/kept", open_directories=["open"])
        container_id = run(["sh", "-c", "echo a > /kept/open/file"], mounts=[mount], user=NOBODY)
        assert status(engine, container_id).exit_code == 0
        assert read(engine, mount, "open/file") == b"a\n"

    def test_a_scratch_directory_is_removed_with_its_container(
        self, engine: Engine, client: docker.APIClient, spec: Callable[..., ContainerSpec]
    ) -> None:
        container_id = engine.create(spec(["true"], scratch="/own/work"))
        mounts = client.inspect_container(container_id)["Mounts"]
        assert [mount["Destination"] for mount in mounts] == ["/own/work"]
        engine.remove(container_id)
        with pytest.raises(docker.errors.NotFound):
            client.inspect_volume(mounts[0]["Name"])

    def test_an_image_with_a_user_of_its_own_may_write_to_scratch(
        self,
        engine: Engine,
        client: docker.APIClient,
        recipes: Recipes,
        run: Callable[..., str],
        installation: str,
    ) -> None:
        image = f"{installation}:local"
        made = client.create_container(
            recipes.image, labels={"batchweb.installation": installation}
        )
        client.commit(made["Id"], installation, "local", changes=f"USER {NOBODY}")
        try:
            container_id = run(
                ["sh", "-c", "id -u; echo a > /own/work/b"], image=image, scratch="/own/work"
            )
            assert (status(engine, container_id).exit_code, text(engine, container_id)) == (
                0,
                b"65534\n",
            )
        finally:
            remove_all(client, installation)
            client.remove_image(image)

    def test_a_put_file_is_there_at_once_and_whole(
        self, engine: Engine, spec: Callable[..., ContainerSpec], kept: VolumeMount
    ) -> None:
        script = (
            "trap 'exit 0' TERM; echo ready;"
            " while [ ! -e /kept/notice ]; do :; done; wc -c < /kept/notice"
        )
        container_id = engine.create(spec(["sh", "-c", script], mounts=[kept], user=NOBODY))
        engine.start(container_id)
        await_line(engine, container_id)
        engine.put_file(container_id, "/kept/notice", b"x" * 100_000)
        await_end(engine, container_id)
        assert text(engine, container_id) == b"ready\n100000\n"

    def test_a_container_cannot_lead_what_is_put_elsewhere(
        self,
        engine: Engine,
        spec: Callable[..., ContainerSpec],
        run: Callable[..., str],
        kept: VolumeMount,
    ) -> None:
        """As root it may put links where files and directories are to go: they are replaced, not followed."""
        run(
            ["sh", "-c", "rmdir /kept/open; ln -s /etc /kept/open; ln -s /etc/made /kept/notice"],
            mounts=[kept],
        )
        container_id = engine.create(spec(["true"], mounts=[kept]))
        engine.put_file(container_id, "/kept/notice", b"told")
        assert found(engine, kept)["open"].kind is FileKind.DIRECTORY
        assert read(engine, kept, "notice") == b"told"

    def test_names_and_kinds_that_are_hostile_are_only_told(
        self, engine: Engine, run: Callable[..., str], kept: VolumeMount
    ) -> None:
        script = (
            "cd /kept/open; touch -- '<b>' '-rf' \"$(printf 'new\\nline')\" \"$(printf '\\377')\";"
            " mkfifo fifo; mknod null c 1 3; touch -d @1 old; ln '<b>' twin"
        )
        run(["sh", "-ec", script], mounts=[kept])
        below = found(engine, kept, "open")
        assert set(below) == {
            *("", "<b>", "-rf", "new\nline", "\udcff", "fifo", "null", "old", "twin"),
        }
        assert {below[name].kind for name in ("fifo", "null")} == {FileKind.OTHER}
        assert below["old"].modified_at == 1

    def test_a_huge_sparse_file_is_told_at_once_and_left_at_the_deadline(
        self, engine: Engine, run: Callable[..., str], kept: VolumeMount
    ) -> None:
        container_id = run(["truncate", "-s", "50G", "/kept/open/a", "/kept/open/b"], mounts=[kept])
        listed: list[tuple[str, int]] = []
        blocks = engine.read_files(kept, "open")
        with pytest.raises(Incomplete, match="time is up"):
            listed.extend(
                (each.path, each.size_bytes) for each in entries(blocks, until=time.monotonic() + 1)
            )
        assert listed == [("", 0), ("a", 50 << 30)]
        # Nothing of the read is left that would hold the volume.
        engine.remove(container_id)
        engine.remove_volume(kept.volume)
        assert engine.volumes() == []

    def test_a_reader_whose_process_died_is_found_hours_later(
        self,
        engine: Engine,
        run: Callable[..., str],
        kept: VolumeMount,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        run(["true"], mounts=[kept])
        blocks = engine.read_files(kept, "")
        next(blocks)
        assert engine.remove_readers() == 0
        # Docker tells whole seconds, rounded down.
        monkeypatch.setattr(files, "_STALE_AFTER", timedelta(seconds=-1))
        assert engine.remove_readers() == 1
        blocks.close()
