"""What is kept for some seconds: read once, read again when its time is over, and never more than so many."""

from jobs.selectors.kept import Kept


class Reads:
    """Gives another number each time, at a time that the test sets."""

    def __init__(self) -> None:
        self.at = 100.0
        self.count = 0
        self.kept = Kept[str, int | None](seconds=3.0, most=2, clock=lambda: self.at)

    def get(self, key: str) -> int | None:
        return self.kept.get(key, self._read)

    def _read(self) -> int:
        self.count += 1
        return self.count


def test_a_value_is_read_once_until_its_time_is_over() -> None:
    reads = Reads()
    assert [reads.get("a"), reads.get("a"), reads.get("b")] == [1, 1, 2]
    reads.at += 2.9
    assert reads.get("a") == 1
    reads.at += 0.1
    assert [reads.get("a"), reads.get("a")] == [3, 3]


def test_nothing_is_a_value_too() -> None:
    reads = Reads()
    assert reads.kept.get("a", lambda: None) is None
    assert reads.get("a") is None


def test_the_value_that_was_read_first_makes_room() -> None:
    reads = Reads()
    for key in ("a", "b", "c"):
        reads.get(key)
    assert [reads.get("b"), reads.get("c"), reads.get("a")] == [2, 3, 4]


def test_what_is_forgotten_is_read_again() -> None:
    reads = Reads()
    reads.get("a")
    reads.kept.forget()
    assert reads.get("a") == 2
