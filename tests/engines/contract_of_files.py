"""What every engine promises about files of volumes: put, read, open to all. Each engine's test file inherits this."""

from abc import abstractmethod
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from jobs.domain import names
from jobs.engines.archives import FileEntry, FileKind, content, entries
from jobs.engines.base import (
    ContainerSpec,
    Engine,
    EngineError,
    HostMount,
    InvalidSpec,
    NoSuchContainer,
    NoSuchFile,
    VolumeMount,
)

from .basis import EngineFixtures, Recipes, status

# Writes a file into a directory of the engine's volume as a container would.
Write = Callable[[VolumeMount, str, bytes], None]
Link = Callable[[VolumeMount, str, str], None]


def found(engine: Engine, mount: HostMount | VolumeMount, path: str = "") -> dict[str, FileEntry]:
    return {each.path: each for each in entries(engine.read_files(mount, path))}


def read(engine: Engine, mount: HostMount | VolumeMount, path: str) -> bytes:
    size, blocks = content(engine.read_files(mount, path))
    data = b"".join(blocks)
    assert len(data) == size
    return data


class FilesContract(EngineFixtures):
    """Fixtures `recipes`, `connect_as`, `write` and `link` come from the engine's own test file."""

    @pytest.fixture
    @abstractmethod
    def write(self, engine: Engine) -> Write: ...

    @pytest.fixture
    @abstractmethod
    def link(self, engine: Engine) -> Link: ...

    @pytest.fixture
    def job_id(self) -> UUID:
        return uuid4()

    @pytest.fixture
    def kept(self, job_id: UUID) -> VolumeMount:
        return VolumeMount(names.checkpoint_volume(job_id), "/kept", open_directories=["open"])

    @pytest.fixture
    def holder(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        kept: VolumeMount,
    ) -> str:
        """A container that runs and has the volume, as a user of no rights and with nothing else to write to."""
        wanted = spec(recipes.sleeps(), mounts=[kept], user="65534", read_only_root=True)
        container_id = engine.create(wanted)
        engine.start(container_id)
        return container_id

    def test_a_new_volume_has_its_open_directories_only(
        self, engine: Engine, holder: str, kept: VolumeMount
    ) -> None:
        assert {path: each.kind for path, each in found(engine, kept).items()} == {
            "": FileKind.DIRECTORY,
            "open": FileKind.DIRECTORY,
        }

    def test_a_file_is_put_into_what_runs_and_read_back(
        self, engine: Engine, holder: str, kept: VolumeMount
    ) -> None:
        engine.put_file(holder, "/kept/notice.json", b"first")
        engine.put_file(holder, "/kept/notice.json", b"second, and longer")
        assert read(engine, kept, "notice.json") == b"second, and longer"

    def test_a_file_is_put_into_what_has_ended(
        self, engine: Engine, holder: str, kept: VolumeMount
    ) -> None:
        engine.signal(holder, "SIGKILL")
        engine.put_file(holder, "/kept/notice.json", b"late")
        assert read(engine, kept, "notice.json") == b"late"

    def test_a_file_for_what_is_gone_or_has_no_such_directory_is_refused(
        self, engine: Engine, holder: str
    ) -> None:
        with pytest.raises(NoSuchContainer):
            engine.put_file("0" * 64, "/kept/notice.json", b"")
        with pytest.raises(EngineError):
            engine.put_file(holder, "/elsewhere/notice.json", b"")

    def test_files_outlast_their_container_until_the_volume_is_removed(
        self, engine: Engine, holder: str, kept: VolumeMount, write: Write
    ) -> None:
        write(kept, "open/deep/state", b"x" * 100_000)
        engine.remove(holder)
        below = found(engine, kept, "open")
        assert {path: each.kind for path, each in below.items()} == {
            "": FileKind.DIRECTORY,
            "deep": FileKind.DIRECTORY,
            "deep/state": FileKind.FILE,
        }
        assert below["deep/state"].size_bytes == 100_000
        assert below["deep/state"].modified_at > 0
        assert read(engine, kept, "open/deep/state") == b"x" * 100_000
        engine.remove_volume(kept.volume)
        with pytest.raises(NoSuchFile):
            engine.read_files(kept, "")

    def test_a_second_container_finds_the_files_of_the_first(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        holder: str,
        kept: VolumeMount,
        write: Write,
    ) -> None:
        write(kept, "open/state", b"kept")
        engine.remove(holder)
        engine.create(spec(recipes.exits(0), mounts=[kept]))
        assert read(engine, kept, "open/state") == b"kept"

    def test_reading_leaves_nothing_behind_wherever_it_ends(
        self, engine: Engine, holder: str, kept: VolumeMount, write: Write
    ) -> None:
        write(kept, "open/state", b"x" * 1_000_000)
        blocks = entries(engine.read_files(kept, ""))
        next(blocks)
        blocks.close()
        found(engine, kept)
        with pytest.raises(NoSuchFile):
            engine.read_files(kept, "open/none")
        engine.remove(holder)
        # While a reader has it, it could not be removed.
        engine.remove_volume(kept.volume)
        assert engine.volumes() == []
        assert engine.remove_readers() == 0

    def test_a_reader_is_neither_a_container_nor_a_pod(
        self, engine: Engine, holder: str, kept: VolumeMount
    ) -> None:
        blocks = entries(engine.read_files(kept, ""))
        next(blocks)
        assert [each.id for each in engine.containers()] == [holder]
        assert engine.pods() == []
        blocks.close()

    def test_links_are_told_and_never_followed(
        self, engine: Engine, holder: str, kept: VolumeMount, link: Link, write: Write
    ) -> None:
        write(kept, "open/real/secret", b"1")
        link(kept, "open/away", "/etc/passwd")
        link(kept, "open/back", "real")
        link(kept, "open/round", "round")
        below = found(engine, kept, "open")
        assert (below["away"].kind, below["away"].target) == (FileKind.LINK, "/etc/passwd")
        assert set(below) == {"", "away", "back", "round", "real", "real/secret"}
        for path in ("open/away", "open/back", "open/back/secret", "open/round", "open/round/x"):
            with pytest.raises(NoSuchFile):
                engine.read_files(kept, path)

    @pytest.mark.parametrize(
        "wrong",
        [
            *("..", "open/../..", "/etc", "open//x", ".", "a\0b", "open/"),
            pytest.param("open/" + 128 * "\u00e9", id="too long a name"),
            pytest.param("open" + 300 * "/d", id="too deep"),
        ],
    )
    def test_a_path_that_leads_elsewhere_or_cannot_be_is_refused(
        self, engine: Engine, holder: str, kept: VolumeMount, wrong: str
    ) -> None:
        with pytest.raises(NoSuchFile):
            engine.read_files(kept, wrong)

    def test_what_is_not_there_is_not_made_by_looking(self, engine: Engine, job_id: UUID) -> None:
        for mount in (
            VolumeMount(names.checkpoint_volume(job_id), "/kept"),
            HostMount(f"/tmp/none-{job_id}", "/kept"),
        ):
            with pytest.raises(NoSuchFile):
                engine.read_files(mount, "")
        assert engine.volumes() == []

    def test_a_scratch_directory_goes_with_its_container(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
    ) -> None:
        for user in ("", "65534"):
            container_id = engine.create(spec(recipes.sleeps(), scratch="/own/work", user=user))
            engine.start(container_id)
            assert status(engine, container_id).name
            engine.remove(container_id)
        assert engine.volumes() == []

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"mounts": [VolumeMount("vol", "/a", open_directories=["../b"])]}, "directory"),
            ({"mounts": [VolumeMount("vol", "/a", open_directories=[""])]}, "directory"),
            ({"scratch": "own"}, "not absolute"),
            ({"scratch": "/a", "mounts": [VolumeMount("vol", "/a")]}, "Duplicate mount point"),
        ],
    )
    def test_directories_that_cannot_be_are_refused(
        self,
        engine: Engine,
        recipes: Recipes,
        spec: Callable[..., ContainerSpec],
        changes: dict[str, object],
        words: str,
    ) -> None:
        with pytest.raises(InvalidSpec, match=words):
            engine.create(spec(recipes.exits(0), **changes))
