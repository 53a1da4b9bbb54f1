"""Commands of the fake engine's image."""

from collections.abc import Sequence

from .basis import Piece, Recipes


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
