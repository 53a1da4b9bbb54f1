"""Tries of several nodes, and what tries leave on their engine, step by step on a fake engine."""

import pytest
from django.conf import settings

from jobs.domain import names
from jobs.domain.reasons import TIMED_OUT
from jobs.engines.fake.belongings import Held
from jobs.models import Attempt, ComputeEnvironment, JobStatus
from jobs.services.attempts.belongings import remove_left_over
from jobs.services.attempts.connections import connection_to
from jobs.services.passes.sweep import sweep
from tests.builders import containers_of
from tests.services.playing import APP, SIDE, Begin, Play, begun, history

pytestmark = pytest.mark.django_db


# --- nodes -------------------------------------------------------------------------------


def test_the_main_node_starts_first_and_the_others_know_its_address(nodes: Begin) -> None:
    play = nodes(3, main=1)
    assert play.states() == "running running running"
    first, main, third = play.rows()
    assert begun(main) <= begun(first)
    assert main.address
    spec = play.container(third).spec
    assert spec.network == names.job_network_name(settings.BATCHWEB_INSTALLATION, play.job.id, 1)
    assert {
        name: value
        for name, value in spec.environment.items()
        if name.startswith("AWS_BATCH_JOB") and name != "AWS_BATCH_JOB_ATTEMPT"
    } == {
        "AWS_BATCH_JOB_ID": f"{play.job.id}#2",
        "AWS_BATCH_JOB_NODE_INDEX": "2",
        "AWS_BATCH_JOB_NUM_NODES": "3",
        "AWS_BATCH_JOB_MAIN_NODE_INDEX": "1",
        "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS": main.address,
    }
    of_main = play.container(main).spec.environment
    assert "AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS" not in of_main
    assert history(play.job) == ["SUBMITTED", "RUNNING"]


def test_the_main_node_s_end_is_the_job_s(nodes: Begin) -> None:
    play = nodes(3)
    play.end(play.attempts[2], 3)
    assert play.states() == "running running exit:3"
    assert play.status() == JobStatus.RUNNING
    play.end(play.attempts[0], 0)
    assert play.states() == "exit:0 exit:143 exit:3"
    assert play.status() == JobStatus.SUCCEEDED
    assert play.job.exit_code == 0


def test_the_loss_of_one_node_ends_the_try(nodes: Begin) -> None:
    play = nodes(3, job={"attempts_allowed": 2})
    play.world.lose(play.container(play.attempts[1]).id)
    play.reap()
    play.reap()
    assert play.states() == "exit:143 gone exit:143"
    assert play.status() == JobStatus.RUNNABLE
    assert play.job.status_reason.startswith("Host EC2")


def test_terminate_and_time_out_end_all_nodes(nodes: Begin) -> None:
    play = nodes(2, job={"timeout_seconds": 60})
    play.world.advance(60)
    assert sweep(now=play.now()) == 2
    play.reap()
    play.reap()
    assert play.states() == "exit:143 exit:143"
    assert (play.status(), play.job.status_reason) == (JobStatus.FAILED, TIMED_OUT)


def test_nodes_of_several_containers_have_a_pod_each(nodes: Begin) -> None:
    play = nodes(2, ecsProperties=containers_of(APP, SIDE))
    assert play.states() == "running running running running"
    assert sorted(play.world.belongings.pods) == [
        names.pod_name(play.job.id, 1, index) for index in range(2)
    ]
    rows = play.rows()
    assert rows[0].address == rows[1].address != rows[2].address == rows[3].address
    play.end(play.attempts[2], 0)
    assert play.states() == "running running exit:0 exit:143"


# --- what is left ------------------------------------------------------------------------


def left(play: Play) -> list[list[str]]:
    here = play.world.belongings
    ours = [
        [name for name in each if names.try_of(name)]
        for each in (here.pods, here.volumes, here.networks)
    ]
    return [*ours, list(play.world.containers)]


VOLUME = {"volumes": [{"name": "shared", "host": {}}]}
MOUNTED = {"mountPoints": [{"sourceVolume": "shared", "containerPath": "/shared"}]}


def test_pods_and_volumes_go_with_the_last_container(containers: Begin) -> None:
    play = containers({**APP, **MOUNTED}, {**SIDE, **MOUNTED}, task=VOLUME)
    pods, volumes, _, _ = left(play)
    assert (len(pods), len(volumes)) == (1, 1)
    play.end(play.attempts[1], 0)
    assert left(play)[:2] == [pods, volumes]
    play.end(play.attempts[0], 0)
    assert left(play) == [[], [], [], []]


def test_a_job_s_network_goes_with_its_last_node(nodes: Begin) -> None:
    play = nodes(3)
    assert len(left(play)[2]) == 1
    play.end(play.attempts[0], 0)
    assert left(play) == [[], [], [], []]


def test_the_network_of_a_deleted_environment_is_removed_when_it_is_empty(nodes: Begin) -> None:
    play = nodes(1)
    engine = connection_to(play.attempts[0].node.engine)
    environment = play.attempts[0].environment
    name = names.network_name(settings.BATCHWEB_INSTALLATION, environment.id)
    other = names.network_name(settings.BATCHWEB_INSTALLATION, environment.id + 1)
    here = play.world.belongings
    here.networks[name] = here.networks[other] = Held(
        {names.LABEL_INSTALLATION: settings.BATCHWEB_INSTALLATION}
    )
    assert remove_left_over(engine=engine) == 0
    ComputeEnvironment.objects.filter(pk=environment.pk).update(status="DELETED")
    assert remove_left_over(engine=engine) == 1
    assert name not in here.networks
    assert other in here.networks


def test_what_nobody_lived_to_remove_is_found_and_what_is_in_use_stays(nodes: Begin) -> None:
    play = nodes(2, ecsProperties=containers_of({**APP, **MOUNTED}, SIDE, **VOLUME))
    engine = connection_to(play.attempts[0].node.engine)
    before = left(play)
    assert remove_left_over(engine=engine) == 0
    assert left(play) == before
    for container in list(play.world.containers):
        engine.remove(container)
    Attempt.objects.update(removed_at=play.now())
    assert remove_left_over(engine=engine) == 5
    assert left(play) == [[], [], [], []]
