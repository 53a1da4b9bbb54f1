"""Commands of the fake engine's image."""

from collections.abc import Sequence

from jobs.engines.base import VolumeMount
from jobs.engines.fake.files import FakeFile, Files

from .basis import Piece, Recipes
from .contract_of_files import Link, Write


class FakeRecipes(Recipes):
    image = "fake/sh"

    def exits(self, code: int) -> Sequence[str]:
        return ["exit", str(code)]

    def sleeps(self) -> Sequence[str]:
        return ["wait"]

    def counts(self, lines: int, every_seconds: float) -> Sequence[str]:
        return ["count", str(lines), str(every_seconds)]

    def says(self, *pieces: Piece) -> Sequence[str]:
        return ["say", *(f"{source}:{data.hex()}" for source, data in pieces)]

    def says_one_line(self, length: int) -> Sequence[str]:
        return ["say", "stdout:" + (b"x" * length + b"\n").hex()]

    def prints_variable(self, name: str) -> Sequence[str]:
        return ["env", name]


def writer_to(files: Files) -> Write:
    """Writes files as a container of the fake world might."""

    def write(mount: VolumeMount, path: str, data: bytes) -> None:
        files.write(mount.volume, path, FakeFile(data, modified_at=1))

    return write


def linker_in(files: Files) -> Link:
    """Makes links as a container of the fake world might."""

    def link(mount: VolumeMount, path: str, target: str) -> None:
        files.write(mount.volume, path, FakeFile(target=target))

    return link
