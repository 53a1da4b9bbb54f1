"""Over any number of restarts, at any frame, each frame is taken exactly once."""

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from jobs.joblogs.position import MARGIN_NS, SECOND_NS, Anchor, Position

START_NS = 1_767_225_600 * SECOND_NS


@dataclass(frozen=True)
class F:
    number: int
    at_ns: int
    source: str
    data: bytes


@st.composite
def engine_logs(draw: st.DrawFn) -> list[F]:
    """A log as an engine keeps it: out of order within the margin, with lines of many frames that
    all carry the time of the first, however long they take."""
    frames: list[F] = []
    clock = START_NS
    open_since: dict[str, int] = {}
    for number in range(draw(st.integers(0, 60))):
        clock += draw(st.sampled_from([0, 1, 10**6, SECOND_NS, 7 * SECOND_NS, 100 * SECOND_NS]))
        source = draw(st.sampled_from(["stdout", "stderr"]))
        late = draw(st.integers(0, MARGIN_NS - 1))
        at_ns = open_since.get(source, clock - late)
        ends = draw(st.booleans())
        if ends:
            open_since.pop(source, None)
        else:
            open_since[source] = at_ns
        frames.append(F(number, at_ns, source, b"x\n" if ends else b"x"))
    return frames


def by_time(log: list[F], since_ns: int) -> Iterator[F]:
    """An engine that filters each frame by its time."""
    return (frame for frame in log if frame.at_ns >= since_ns)


def by_first(log: list[F], since_ns: int) -> Iterator[F]:
    """An engine that gives everything behind the first frame of the time."""
    found = False
    for frame in log:
        found = found or frame.at_ns >= since_ns
        if found:
            yield frame


@given(
    log=engine_logs(),
    runs=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 7)), max_size=8),
    engine=st.sampled_from([by_time, by_first]),
    data=st.data(),
)
def test_a_line_is_never_lost_or_doubled(
    log: list[F], runs: list[tuple[int, int]], engine: object, data: st.DataObject
) -> None:
    stored: list[F] = []
    anchor = Anchor()
    for frames_until_kill, batch in [*runs, (10**9, 5)]:
        # The engine's log has grown since the last run, and ends somewhere while this one reads.
        grown = data.draw(st.integers(len(stored), len(log)), label="grown")
        visible = log if frames_until_kill == 10**9 else log[:grown]
        position = Position(anchor)
        pending: list[F] = []
        for read, frame in enumerate(engine(visible, position.since_ns)):  # type: ignore[operator]
            if read >= frames_until_kill:
                pending.clear()  # killed: what was not stored is gone
                break
            if position.is_new(frame):
                pending.append(frame)
            if len(pending) >= batch:
                stored += pending
                anchor = position.anchor
                pending = []
        if pending:
            stored += pending
            anchor = position.anchor
    assert [frame.number for frame in stored] == [frame.number for frame in log]


def test_the_anchor_follows_the_log() -> None:
    position = Position()
    for number in range(100_000):
        assert position.is_new(F(number, START_NS + number * 10**7, "stdout", b"x\n"))

    # A restart reads the last seconds again, not the whole log.
    assert position.anchor.ns >= START_NS + 99_999 * 10**7 - MARGIN_NS - SECOND_NS
    assert position.anchor.frames <= 700


def test_an_open_line_holds_the_anchor() -> None:
    position = Position()
    position.is_new(F(0, START_NS, "stdout", b"begins"))
    position.is_new(F(1, START_NS + 60 * SECOND_NS, "stderr", b"much later\n"))

    assert position.anchor == Anchor(START_NS, 2)


def test_an_empty_frame_does_not_count_as_an_open_line() -> None:
    position = Position()
    position.is_new(F(0, START_NS, "stdout", b""))
    position.is_new(F(1, START_NS + 60 * SECOND_NS, "stdout", b"x\n"))

    assert position.anchor.ns == START_NS + 55 * SECOND_NS
