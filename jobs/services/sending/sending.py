"""Sending what is due: each rule in a thread of its own, so that a receiver that is slow or dead holds up no other.

Threads speak to receivers and read no rows; this one claims rules, writes their events, and records what became of
each as soon as it is known. Who dies in between has sent what nobody knows of: it is sent again when his claim has
run out, with the same id.
"""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from uuid import UUID

from django.utils import timezone

from jobs.models import AuditDoor, EventDelivery, EventRule, TargetKind
from jobs.services.access import audit
from jobs.services.access.ciphers import Unreadable
from jobs.services.writing.apart import Apart

from . import due, mails, webhooks
from .documents import Document, Lost, documents_of
from .outcomes import Outcome
from .retention import remove_many
from .rights import why_not
from .signing import secret_of

logger = logging.getLogger("batchweb.sending")

# Rules that are sent for at the same time.
AT_ONCE = 16
# Nothing is begun after that; what goes on takes a request's time at most.
SECONDS_AT_ONCE = 15.0
# Of one rule, so long at once.
SECONDS_OF_RULE = 5.0
# A thread that has not ended by then is left to itself: it takes longer than all that is bounded, such as a name server
# that never answers. It is before the rule's claim runs out.
SECONDS_OF_TURN = 25.0

# What the audit trail calls it.
SWITCHED_OFF = "event_rule_gone"

BROKEN = "Something broke on this side. An administrator finds the cause in the workers’ log."
STUCK = f"It was not over within {SECONDS_OF_TURN:.0f} seconds, so nobody waited any longer."
UNREADABLE = (
    "The rule’s signing secret cannot be read: SECRET_KEY is not the one that it was stored with. "
    "Make a new one."
)


@dataclass(slots=True)
class _Turn:
    """A rule that is sent for. `problem`: why its receiver is left alone for a while, `wait` as he asked for.

    `is_gone`: he wants nothing any more.
    """

    rule: EventRule
    ticket: UUID | None
    ends_at: float = field(default_factory=lambda: time.monotonic() + SECONDS_OF_TURN)
    deliveries: dict[int, EventDelivery] = field(default_factory=dict)
    sent: bool = False
    refused: int = 0
    problem: str | None = None
    wait: timedelta = timedelta(0)
    is_gone: bool = False


# What a thread tells of a rule: an outcome, or None when it is done.
_News = tuple[_Turn, Outcome | None]


def send_due() -> bool:
    """Sends for some seconds; whether more is due."""
    round_ = _Round()
    round_.run(until=time.monotonic() + SECONDS_AT_ONCE)
    round_.apart.done()
    return due.is_due()


class _Round:
    def __init__(self) -> None:
        self._news: SimpleQueue[_News] = SimpleQueue()
        self._turns: dict[int, _Turn] = {}
        self.apart = Apart()

    def run(self, *, until: float) -> None:
        """Goes on until nothing is due, or no time is left; then until all threads are done or given up."""
        while True:
            if time.monotonic() < until:
                self._begin_some()
            self._give_up_stuck()
            if not self._turns:
                return
            self._hear()

    def _begin_some(self) -> None:
        for _ in range(AT_ONCE - len(self._turns)):
            now = timezone.now()
            # Each when its turn begins: to write what is sent of those before takes its time, too.
            rule = due.claim(now=now, without=self._turns)
            if rule is None:
                return
            # One that fails is left alone until its claim runs out.
            with self.apart.each(rule.pk):
                self._begin(_Turn(rule, rule.claim), now)

    def _begin(self, turn: _Turn, now: datetime) -> None:
        parts = list(_prepared(turn, now))
        if not parts:
            _end(turn)
            return
        # Nobody can end a thread, and so that nobody has to wait for it, it is a daemon.
        name = f"sending-{turn.rule.pk}"
        threading.Thread(target=self._work, args=(turn, parts), name=name, daemon=True).start()
        self._turns[turn.rule.pk] = turn

    def _work(self, turn: _Turn, parts: Sequence["_Part"]) -> None:
        """In a thread: sends, and tells of each."""
        try:
            for part in parts:
                for outcome in part.outcomes(turn.rule):
                    self._news.put((turn, outcome))
        except Exception:
            # Nobody looks at what a thread raises; and the rule must not be tried again at once, and again.
            logger.exception("the rule %s failed and will be tried again", turn.rule.pk)
            self._news.put((turn, Outcome((), error=BROKEN)))
        finally:
            self._news.put((turn, None))

    def _hear(self) -> None:
        try:
            turn, outcome = self._news.get(timeout=1.0)
        except Empty:
            return
        is_noted = False
        # What cannot be noted of one rule is sent again; of the others all is noted.
        with self.apart.each(turn.rule.pk):
            if outcome is not None:
                _note(turn, outcome)
            elif self._turns.get(turn.rule.pk) is turn:
                self._finish(turn)
            is_noted = True
        if not is_noted:
            turn.problem = BROKEN

    def _give_up_stuck(self) -> None:
        now = time.monotonic()
        for turn in [each for each in self._turns.values() if each.ends_at <= now]:
            logger.error("the rule %s is stuck and will be tried again", turn.rule.pk)
            turn.problem = STUCK
            with self.apart.each(turn.rule.pk):
                self._finish(turn)

    def _finish(self, turn: _Turn) -> None:
        del self._turns[turn.rule.pk]
        _end(turn)


@dataclass(frozen=True, slots=True)
class _Part:
    """What a thread sends of a rule: a mail, or events one after the other with a secret to sign them."""

    mail: mails.Digest | None = None
    letters: Sequence[webhooks.Letter] = ()
    secret: str = field(default="", repr=False)

    def outcomes(self, rule: EventRule) -> Iterator[Outcome]:
        """Sends, and tells what became of it."""
        if self.mail is not None:
            yield mails.send(self.mail)
            return
        until = time.monotonic() + SECONDS_OF_RULE
        yield from webhooks.post_all(
            url=rule.address,
            letters=self.letters,
            rule_name=rule.name,
            secret=self.secret,
            until=lambda: time.monotonic() < until,
            clock=timezone.now,
        )


def _prepared(turn: _Turn, now: datetime) -> Iterator[_Part]:
    """What is to be sent of a rule now, if anything is; what can never be sent is given up."""
    rule = turn.rule
    while due.give_up_old(rule, now=now):
        pass
    found = due.due_deliveries(rule, now=now)
    if not found:
        return
    if reason := why_not(rule):
        # It is told on the rule as well: what was given up is given up for good.
        turn.problem = reason
        while found:
            due.give_up([each.pk for each in found], reason, now=now)
            found = due.due_deliveries(rule, now=now)
        return
    in_full = mails.TOLD if rule.target_kind == TargetKind.EMAIL else None
    documents = documents_of(found, rule.owner, in_full=in_full)
    ready: list[tuple[int, Document]] = []
    for each in found:
        document = documents[each.pk]
        if isinstance(document, Lost):
            due.give_up([each.pk], document.reason, now=now)
        else:
            ready.append((each.pk, document))
            turn.deliveries[each.pk] = each
    if ready:
        yield from _part(turn, ready)


def _part(turn: _Turn, ready: Sequence[tuple[int, Document]]) -> Iterator[_Part]:
    rule = turn.rule
    if rule.target_kind == TargetKind.EMAIL:
        mail = mails.digest(rule_name=rule.name, to=rule.address, documents=ready)
        yield _Part(mail=mail)
        return
    try:
        secret = secret_of(bytes(rule.encrypted))
    except Unreadable:
        turn.problem = UNREADABLE
        return
    letters = [webhooks.Letter(pk, each.event_id, each.text.encode()) for pk, each in ready]
    yield _Part(letters=letters, secret=secret)


def _note(turn: _Turn, outcome: Outcome) -> None:
    rows = [turn.deliveries[pk] for pk in outcome.delivery_ids]
    if rows:
        due.record(outcome, rows, now=timezone.now())
    if not outcome.error:
        turn.sent, turn.refused = True, 0
        return
    turn.refused += 1
    if not outcome.is_of_event or turn.refused >= webhooks.REFUSED_AT_MOST:
        turn.problem, turn.wait = outcome.error, outcome.wait
    turn.is_gone |= outcome.is_gone


def _end(turn: _Turn) -> None:
    now = timezone.now()
    is_off = due.let_go(
        turn.rule,
        turn.ticket,
        sent=turn.sent,
        problem=turn.problem,
        wait=turn.wait,
        is_gone=turn.is_gone,
        now=now,
    )
    if is_off:
        audit.note(
            user=turn.rule.owner,
            door=AuditDoor.SERVER,
            action=SWITCHED_OFF,
            target=f"{turn.rule.name}: switched off, since the receiver answered 410 Gone",
            status=webhooks.GONE,
            address="",
            now=now,
        )
    # What was given up counts as well.
    remove_many(turn.rule)
