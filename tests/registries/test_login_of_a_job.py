"""A job's page says with whose login its image is pulled, to those who may know of that login."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from jobs.selectors.jobs import find_job
from jobs.web.contexts.workload import LoginView, of_job
from tests.builders import a_job, a_registry_login, a_user

IMAGE = "registry.example.com/team/trainer:2"


def told(image: str, owner: User, viewer: User) -> LoginView | None:
    job = a_job(owner=owner, image=image)
    return of_job(find_job(user=viewer, job_id=job.pk), viewer)[0].containers[0].login


def test_the_page_leads_to_the_most_exact_login_of_the_jobs_owner(
    client: Client, visitor: User
) -> None:
    a_registry_login(owner=visitor, prefix="registry.example.com")
    login = a_registry_login(owner=visitor, prefix="registry.example.com/team")
    job = a_job(owner=visitor, image=IMAGE, status="RUNNABLE")
    html = client.get(f"/jobs/{job.pk}/").text
    assert (
        f'<a href="{reverse("registry", args=[login.pk])}">login for registry.example.com/team</a>'
        in html
    )
    assert "if it were pulled now" not in html
    ended = a_job(owner=visitor, image=IMAGE, status="FAILED")
    assert "if it were pulled now" in client.get(f"/jobs/{ended.pk}/").text


def test_a_shared_login_is_told_without_a_link_to_who_may_not_open_it(visitor: User) -> None:
    login = a_registry_login(prefix="registry.example.com", shared=True)
    assert told(IMAGE, visitor, visitor) == LoginView("registry.example.com", "")
    staff = a_user(is_staff=True)
    url = reverse("registry", args=[login.pk])
    assert told(IMAGE, visitor, staff) == LoginView("registry.example.com", url)


def test_somebody_elses_login_is_not_told_of(visitor: User) -> None:
    a_registry_login(prefix="registry.example.com")
    assert told(IMAGE, visitor, visitor) is None
    assert told("busybox", visitor, visitor) is None


@pytest.mark.parametrize("names_a_secret", [False, True])
def test_it_takes_one_query_and_none_where_a_secret_is_named(
    visitor: User, names_a_secret: bool, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    a_registry_login(owner=visitor, prefix="registry.example.com")
    secret = {"repositoryCredentials": {"credentialsParameter": "registry/team"}}
    job = a_job(owner=visitor, image=IMAGE, container=secret if names_a_secret else {})
    read = find_job(user=visitor, job_id=job.pk)
    with django_assert_num_queries(0 if names_a_secret else 1):
        shown = of_job(read, visitor)[0].containers[0]
    lines = [line for fact in shown.facts for line in fact.lines]
    assert (shown.login is None) == names_a_secret
    assert ("the secret registry/team" in lines) == names_a_secret
