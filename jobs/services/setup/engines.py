"""Making, changing and deleting engines' records. Their status is the supervisor's to write."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from jobs import changes
from jobs.domain import validation
from jobs.domain.errors import Conflict, NotFound
from jobs.domain.validation import Checker, FieldError
from jobs.models import ComputeEnvironment, Engine, EngineKind, Node
from jobs.services.writing.races import second_look, still_there

from .names import lasting_name

FIELDS = frozenset({"name", "kind", "url", "cpu_overcommit"})
OVERCOMMIT_FIELDS = frozenset({"cpu_overcommit"})
NODE_FIELDS = frozenset({"gpus"})


@dataclass(frozen=True, slots=True)
class EngineFields:
    """An engine's record that passed every check."""

    name: str
    kind: str
    url: str
    cpu_overcommit: Decimal


def check_engine(
    *,
    fields: Mapping[str, object],
    engine: Engine | None = None,
    known: frozenset[str] = FIELDS,
) -> EngineFields:
    """The clean record, or InvalidInput with every field that is wrong. Writes nothing.

    `name`, `kind`, `url` (empty: as DOCKER_HOST says) and `cpu_overcommit` (empty: 1). With `engine`, what is
    left out stays. Others than `known` are refused.
    """
    checker = Checker()
    checker.only(fields, known)
    given = {**_current(engine), **fields}
    clean = EngineFields(
        name=checker.check("name", lambda value: _free_name(value, engine), given.get("name"), ""),
        kind=checker.check("kind", lambda value: _kind(value, engine), given["kind"], ""),
        url=checker.check("url", validation.engine_url, given["url"], ""),
        cpu_overcommit=checker.check(
            "cpu_overcommit", validation.cpu_overcommit, given["cpu_overcommit"], Decimal(1)
        ),
    )
    checker.done()
    return clean


def create_engine(*, fields: Mapping[str, object]) -> Engine:
    """Writes a new engine's record; its supervisor finds it. Raises InvalidInput."""
    clean = check_engine(fields=fields)
    with second_look(lambda: check_engine(fields=fields)), transaction.atomic():
        engine = Engine.objects.create(**asdict(clean))
        changes.publish([changes.ENVIRONMENTS])
    return engine


def update_engine(
    *, engine: Engine, fields: Mapping[str, object], known: frozenset[str] = FIELDS
) -> Engine:
    """Changes the URL: workers use it from their next task on, the supervisor within seconds.

    A smaller `cpu_overcommit` takes nothing from what runs: until that has ended, nothing new is placed.
    Others than the fields `known` are refused: where an engine is, the administration alone changes.
    Raises InvalidInput, or NotFound if the engine was deleted meanwhile.
    """
    with transaction.atomic():
        row = still_there(
            Engine.objects.select_for_update(), engine, called=f"The engine {engine.name}"
        )
        clean = check_engine(fields=fields, engine=row, known=known)
        row.url, row.cpu_overcommit = clean.url, clean.cpu_overcommit
        row.save(update_fields=["url", "cpu_overcommit"])
        changes.publish([changes.ENVIRONMENTS])
        changes.wake_scheduler()
    return row


def delete_engine(*, engine: Engine) -> None:
    """Deletes an engine that no environment lies on. Raises Conflict, which names one that does."""
    with transaction.atomic():
        environment = ComputeEnvironment.objects.filter(engine=engine).order_by("name").first()
        if environment is not None:
            raise Conflict(
                f"The environment {environment.name} lies on the engine {engine.name}. "
                "Delete it first."
            )
        gone = ComputeEnvironment.with_deleted.filter(engine=engine)
        if gone.filter(Q(attempts__isnull=False) | Q(instances__isnull=False)).exists():
            raise Conflict(
                f"Jobs or instances have run on the engine {engine.name}; their history and cost name "
                "it, so it is kept."
            )
        gone.delete()
        # Its nodes go with it: where no environment lies, no attempt ran.
        Engine.objects.filter(id=engine.id).delete()
        changes.publish([changes.ENVIRONMENTS])


def check_node(*, fields: Mapping[str, object], node: Node) -> int:
    """How many GPUs the node is to have, or InvalidInput. All else of it the engine tells."""
    checker = Checker()
    checker.only(fields, NODE_FIELDS)
    gpus = checker.check("gpus", validation.gpus, fields.get("gpus", node.gpus), 0)
    checker.done()
    return gpus


def update_node(*, node: Node, fields: Mapping[str, object]) -> Node:
    """Changes how many GPUs jobs may use on a machine. Who holds one that is gone keeps it until his end.

    Raises InvalidInput, or NotFound if the node was deleted meanwhile.
    """
    gpus = check_node(fields=fields, node=node)
    with transaction.atomic():
        if not Node.objects.filter(id=node.id).update(gpus=gpus):
            raise NotFound(f"The node {node.name} was deleted.")
        changes.publish([changes.ENVIRONMENTS])
        changes.wake_scheduler()
    node.refresh_from_db()
    return node


def _current(engine: Engine | None) -> dict[str, object]:
    if engine is None:
        return {"kind": EngineKind.DOCKER, "url": "", "cpu_overcommit": Decimal(1)}
    return {
        "name": engine.name,
        "kind": engine.kind,
        "url": engine.url,
        "cpu_overcommit": engine.cpu_overcommit,
    }


def _free_name(value: object, engine: Engine | None) -> str:
    return lasting_name(
        value,
        Engine.objects.all(),
        engine.name if engine else None,
        kind="an engine",
        stays="An engine keeps its name: its nodes' ids are made from it.",
    )


def _kind(value: object, engine: Engine | None) -> str:
    if engine is not None and value != engine.kind:
        raise FieldError("An engine keeps its kind.")
    if value not in EngineKind.values:
        raise FieldError("The kind is one of: " + ", ".join(EngineKind.values) + ".")
    return str(value)
