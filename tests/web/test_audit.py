"""The audit trail: which requests have a line in it, and what the page shows of them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from jobs.api.door import answer
from jobs.models import AuditDoor, AuditEntry
from jobs.services.access import audit
from tests.api.asking import call_of
from tests.api.signing import a_signer
from tests.builders import NOW, a_job, a_queue, a_secret, a_user, an_access_policy

URL = "/access/audit/"
HTML = {"Accept": "text/html"}


def a_line(user: User, **fields: Any) -> AuditEntry:
    values = {"at": NOW, "door": AuditDoor.PAGE, "action": "queue_edit", "status": 302, **fields}
    return AuditEntry.objects.create(user=user, username=user.username, **values)


def lines() -> list[tuple[str, str, str, str, int]]:
    rows = AuditEntry.objects.order_by("pk")
    return [(row.username, row.door, row.action, row.target, row.status) for row in rows]


class TestPages:
    def test_a_change_has_a_line_with_who_what_and_from_where(
        self, page: Client, admin: User
    ) -> None:
        queue = a_queue(name="nightly")
        page.post(f"/queues/{queue.name}/disable/", headers=HTML)
        assert lines() == [("ada", "PAGE", "queue_disable", "nightly", 302)]
        row = AuditEntry.objects.get()
        assert (row.user_id, row.address) == (admin.pk, "127.0.0.1")
        assert abs(timezone.now() - row.at) < timedelta(minutes=1)

    def test_what_is_new_is_named_by_what_was_posted(self, page: Client, script: Client) -> None:
        page.post("/resources/", {"name": "licences", "total_quantity": "3"}, headers=HTML)
        script.post(
            "/resources/",
            {"name": "seats", "total_quantity": 3},
            content_type="application/json",
        )
        assert lines() == [
            ("ada", "PAGE", "consumables", "licences", 302),
            ("ada", "PAGE", "consumables", "seats", 201),
        ]

    def test_who_may_not_is_in_the_trail_as_refused(self, bobs_page: Client) -> None:
        queue = a_queue(name="nightly")
        assert bobs_page.post(f"/queues/{queue.name}/disable/", headers=HTML).status_code == 403
        assert lines() == [("bob", "PAGE", "queue_disable", "nightly", 403)]

    def test_who_was_given_which_policy_is_told_by_names(self, page: Client, bob: User) -> None:
        Group.objects.create(name="ops")
        url = f"/access/policies/{an_access_policy(name='run-default').pk}"
        page.post(f"{url}/attach/", {"user": "bob"}, headers=HTML)
        page.post(f"{url}/attach/", {"group": "ops"}, headers=HTML)
        page.post(f"{url}/detach/", {"user": "bob"}, headers=HTML)
        page.post(f"{url}/delete/", headers=HTML)
        assert [(action, target) for _, _, action, target, _ in lines()] == [
            ("access_policy_attach", "run-default → bob"),
            ("access_policy_attach", "run-default → group ops"),
            ("access_policy_detach", "run-default no longer → bob"),
            ("access_policy_delete", "run-default"),
        ]

    def test_a_page_too_old_for_its_token_is_no_refusal_for_want_of_rights(
        self, admin: User
    ) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin)
        a_queue(name="nightly")
        for url in ("/queues/nightly/disable/", "/admin/auth/group/add/"):
            assert client.post(url, {"name": "x"}, headers=HTML).status_code == 403
        assert lines() == []

    @pytest.mark.parametrize(
        ("path", "fields"),
        [
            ("/resources/", {"name": "", "total_quantity": "x"}),
            ("/queues/none/disable/", {}),
            ("/submit/check/", {"name": "x"}),
            ("/jobs/", {"name": "x"}),
            ("/login/", {"username": "ada", "password": "wrong"}),
        ],
    )
    def test_what_changed_nothing_or_is_a_submission_has_none(
        self, path: str, fields: dict[str, str], page: Client
    ) -> None:
        page.post(path, fields, headers=HTML)
        assert lines() == []

    def test_reading_writes_nothing(self, page: Client) -> None:
        page.get("/queues/", headers=HTML)
        page.get("/queues/none/", headers=HTML)
        assert lines() == []

    def test_strangers_cannot_fill_the_trail(self, client: Client, db: None) -> None:
        a_queue(name="nightly")
        client.post("/queues/nightly/disable/", headers=HTML)
        client.post("/admin/auth/user/add/", {"username": "eve"}, headers=HTML)
        assert lines() == []

    def test_coming_and_going_have_lines(self, client: Client, db: None) -> None:
        a_user(username="eve", password="open sesame")
        client.post("/login/", {"username": "eve", "password": "open sesame"}, headers=HTML)
        client.post("/logout/", headers=HTML)
        assert lines() == [
            ("eve", "PAGE", "login", "eve", 302),
            ("eve", "PAGE", "logout", "", 302),
        ]

    def test_a_secrets_value_is_not_in_its_line(self, page: Client, admin: User) -> None:
        secret = a_secret(owner=admin)
        page.post(f"/secrets/{secret.pk}/", {"value": "hunter2"}, headers=HTML)
        page.post("/secrets/", {"name": "db/key", "value": "hunter2"}, headers=HTML)
        assert [line[3] for line in lines()] == [str(secret.pk), "db/key"]

    def test_a_question_before_a_bulk_action_is_no_change(self, page: Client, admin: User) -> None:
        job = a_job(owner=admin, status="RUNNABLE")
        asked = {"action": "cancel", "all": "true", "query": "status=RUNNABLE"}
        assert page.post("/jobs/bulk/", asked, headers=HTML).status_code == 200
        assert lines() == []
        page.post("/jobs/bulk/", {"action": "cancel", "job": str(job.pk)}, headers=HTML)
        assert lines() == [("ada", "PAGE", "jobs_bulk", "cancel", 302)]

    def test_a_change_is_answered_although_its_line_cannot_be_written(
        self, page: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        queue = a_queue(name="nightly")

        def away(**_: object) -> None:
            raise DatabaseError("disk full")

        monkeypatch.setattr(AuditEntry.objects, "create", away)
        assert page.post("/queues/nightly/disable/", headers=HTML).status_code == 302
        queue.refresh_from_db()
        assert queue.state == "DISABLED"
        assert "queue_disable by ada is not in the audit trail" in caplog.text


class TestAdministration:
    def test_changes_and_refusals_there_have_lines(self, page: Client, db: None) -> None:
        page.post("/admin/auth/group/add/", {"name": "readers"})
        assert lines() == [("ada", "ADMIN", "admin:auth_group_add", "readers", 302)]

    def test_users_have_their_names_there_also_when_they_are_deleted(
        self, page: Client, bob: User
    ) -> None:
        page.post(f"/admin/auth/user/{bob.pk}/delete/", {"post": "yes"})
        page.post("/admin/auth/user/x/delete/", {"post": "yes"})
        assert lines()[0][2:4] == ("admin:auth_user_delete", "bob")
        assert not User.objects.filter(username="bob").exists()

    def test_a_form_with_errors_has_none(self, page: Client) -> None:
        assert page.post("/admin/auth/group/add/", {"name": ""}).status_code == 200
        assert lines() == []

    def test_who_may_not_come_in_there_changes_nothing(self, bobs_page: Client) -> None:
        bobs_page.post("/admin/auth/group/add/", {"name": "readers"})
        assert lines() == []


class TestApi:
    def call(self, user: User, operation: str, **params: Any) -> int:
        call = call_of(operation, params)
        found = answer(a_signer(user).in_headers(call.method, call.path, call.body), NOW)
        if found.afterwards is not None:
            found.afterwards()
        return found.status

    def test_a_change_has_a_line_and_a_read_or_a_submission_none(self, admin: User) -> None:
        a_queue(name="nightly")
        self.call(admin, "DescribeJobQueues")
        self.call(admin, "SubmitJob", jobName="x", jobQueue="nightly", jobDefinition="none")
        assert lines() == []
        assert self.call(admin, "UpdateJobQueue", jobQueue="nightly", priority=7) == 200
        assert lines() == [("ada", "API", "UpdateJobQueue", "nightly", 200)]

    def test_who_may_not_is_in_the_trail_as_refused(self, bob: User) -> None:
        a_queue(name="nightly")
        assert self.call(bob, "UpdateJobQueue", jobQueue="nightly", priority=7) == 403
        assert lines() == [("bob", "API", "UpdateJobQueue", "nightly", 403)]

    def test_what_is_wrong_has_none(self, admin: User) -> None:
        assert self.call(admin, "UpdateJobQueue", jobQueue="none") == 400
        assert lines() == []


class TestThePage:
    def test_only_administrators_see_it(self, bobs_page: Client) -> None:
        assert bobs_page.get(URL, headers=HTML).status_code == 403
        assert bobs_page.get("/access/", headers=HTML).status_code == 403

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", ["c", "b", "a"]),
            ("user=ada", ["c", "a"]),
            ("user=ada&action=queue_edit", ["a"]),
            ("refused=true", ["b"]),
            ("user=nobody", []),
            ("refused=1", ["b"]),
            ("refused=False", ["c", "b", "a"]),
            ("user=gone", []),
            ("until=2026-01-05", ["b", "a"]),
            ("until=2025-12-31", []),
        ],
    )
    def test_lines_are_found_by_each_filter(
        self, query: str, found: list[str], script: Client, admin: User, bob: User
    ) -> None:
        a_line(admin, target="a")
        a_line(bob, target="b", status=403)
        a_line(admin, target="c", action="queue_delete", at=NOW + timedelta(days=1))
        told = script.get(f"{URL}?{query}").json()["results"]
        assert [row["target"] for row in told] == found

    def test_lines_of_a_user_who_is_deleted_stay_and_are_found(
        self, script: Client, bob: User
    ) -> None:
        a_line(bob, target="b")
        bob.delete()
        assert [row["target"] for row in script.get(f"{URL}?user=bob").json()["results"]] == ["b"]

    @pytest.mark.parametrize(
        "query", ["until=tomorrow", "until=9999-12-31", "after=x", "refused=only"]
    )
    def test_what_cannot_be_meant_is_said_beside_its_field(
        self, query: str, page: Client, script: Client
    ) -> None:
        assert script.get(f"{URL}?{query}").status_code == 400
        html = page.get(f"{URL}?{query}", headers=HTML)
        assert html.status_code == 400
        assert b"No line matches" in html.content

    def test_pages_follow_each_other_with_as_many_queries(
        self,
        script: Client,
        admin: User,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        AuditEntry.objects.bulk_create(
            AuditEntry(
                at=NOW,
                user=admin,
                username="ada",
                door="API",
                action="x",
                target=str(at),
                status=200,
            )
            for at in range(120)
        )
        script.get(URL)
        with django_assert_num_queries(2):
            told = script.get(URL).json()
        seen = [row["target"] for row in told["results"]]
        while told["next"]:
            with django_assert_num_queries(2):
                told = script.get(told["next"]).json()
            seen += [row["target"] for row in told["results"]]
        assert seen == [str(at) for at in reversed(range(120))]

    def test_what_others_wrote_is_shown_harmlessly(self, page: Client, admin: User) -> None:
        a_line(admin, target="<script>alert(1)</script>\u202eevil\x1b[2J")
        html = page.get(URL, headers=HTML).content.decode()
        assert "<script>alert" not in html
        assert "\u202e" not in html
        assert "\x1b" not in html


class TestKeeping:
    def test_old_lines_are_removed_and_others_stay(self, admin: User, settings: Settings) -> None:
        settings.BATCHWEB_AUDIT_RETENTION_DAYS = 30
        a_line(admin, at=NOW - timedelta(days=31))
        kept = a_line(admin, at=NOW - timedelta(days=29))
        assert audit.forget_old(now=NOW) == 1
        assert list(AuditEntry.objects.all()) == [kept]

    def test_more_than_a_portion_takes_several(
        self, admin: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(audit, "PORTION", 2)
        monkeypatch.setattr(audit, "PORTIONS", 2)
        for _ in range(5):
            a_line(admin, at=NOW - timedelta(days=900))
        assert (audit.forget_old(now=NOW), audit.forget_old(now=NOW)) == (4, 1)

    @pytest.mark.parametrize(
        ("given", "kept"),
        [("x" * 600, "x" * 511 + "…"), ("a\0b", "ab"), ("half \ud800", "half ?")],
    )
    def test_a_target_is_cut_to_what_a_database_takes(
        self, given: str, kept: str, admin: User
    ) -> None:
        note: Callable[..., None] = audit.note
        note(
            user=admin,
            door=AuditDoor.API,
            action="x",
            target=given,
            status=200,
            address="",
            now=NOW,
        )
        assert AuditEntry.objects.get().target == kept
