"""Where to go on in an engine's log, so that over restarts no line is lost and none comes twice.

An engine gives no offset into its log: one can only ask for the frames from a time on. Two things
make the time of the last frame useless for that. Frames of standard output and standard error may
stand slightly out of the order of their times. And all frames of one long line carry the time of the
first of them, however much later they were written. So a position is an anchor and a count:

- `anchor_ns`: whole seconds, at least `MARGIN_NS` before the newest frame taken, and not after the
  start of a line that still goes on. No frame that is still to come is older.
- `anchor_frames`: how many frames of that time or later have been taken.

To go on, read from `anchor_ns` on and leave out the first `anchor_frames` frames. Frames older than
the anchor have all been taken; some engines' time filter lets a few of them through, and they are
left out, too.
"""

from dataclasses import dataclass

from .chunk import Frame

SECOND_NS = 1_000_000_000
# Frames are out of order by milliseconds. The rest is for a clock that is set back a little.
MARGIN_NS = 5 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Anchor:
    """A position in an engine's log, as it is stored. The default is the log's beginning."""

    ns: int = 0
    frames: int = 0


class Position:
    """Tells the new frames of one reading from those that were taken before, and moves the anchor.

    Give it every frame of a reading that began at `since_ns`, in the engine's order. `anchor` is then
    the position behind the last frame that was given.
    """

    def __init__(self, anchor: Anchor = Anchor()) -> None:
        self.since_ns = anchor.ns
        self._anchor_ns = anchor.ns
        self._to_skip = anchor.frames
        self._taken_at_anchor = anchor.frames
        self._newest_ns = 0
        # Frames from the anchor on, counted by second: an anchor that lies on a whole second can
        # move on without keeping the time of each.
        self._per_second: dict[int, int] = {}
        self._open_lines: dict[str, int] = {}

    def is_new(self, frame: Frame) -> bool:
        """Whether this frame was not taken before; it counts as taken from now on."""
        if frame.at_ns < self.since_ns:
            return False
        self._count(frame)
        if self._to_skip:
            self._to_skip -= 1
            return False
        return True

    @property
    def anchor(self) -> Anchor:
        """The position to store together with the frames that `is_new` let through."""
        if not self._to_skip:
            self._advance()
        taken = max(sum(self._per_second.values()), self._taken_at_anchor)
        return Anchor(self._anchor_ns, taken)

    def _count(self, frame: Frame) -> None:
        self._newest_ns = max(self._newest_ns, frame.at_ns)
        if frame.at_ns >= self._anchor_ns:
            second = frame.at_ns // SECOND_NS
            self._per_second[second] = self._per_second.get(second, 0) + 1
        if frame.data.endswith(b"\n"):
            self._open_lines.pop(frame.source, None)
        elif frame.data:
            self._open_lines.setdefault(frame.source, frame.at_ns)

    def _advance(self) -> None:
        """Moves the anchor as far as is safe and forgets what lies before it."""
        safe_ns = min([self._newest_ns - MARGIN_NS, *self._open_lines.values()])
        second = safe_ns // SECOND_NS
        if second * SECOND_NS <= self._anchor_ns:
            return
        self._anchor_ns = second * SECOND_NS
        self._taken_at_anchor = 0
        for old in [each for each in self._per_second if each < second]:
            del self._per_second[old]
