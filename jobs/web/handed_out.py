"""What the pages of access tokens and of access keys have in common: a list, a new one, and its end."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Generic, TypeVar

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from jobs.domain.errors import InvalidInput
from jobs.models import AccessKey, AccessToken
from jobs.services.requests.once import FIELD

from . import answers
from .access import user_of
from .once import once

Row = TypeVar("Row", AccessToken, AccessKey)
Shown = Mapping[str, object]

NO_ERRORS: Mapping[str, list[str]] = MappingProxyType({})
# A second click comes in this time; who sends the form again later has seen what the first one made.
SHOWN_AGAIN_FOR = timedelta(minutes=1)
NOT_AGAIN = (
    "This form was sent before and made {name}, whose secret is not shown again. If you did not copy it, revoke it "
    "and make another."
)
NOTHING: Shown = MappingProxyType({})


class Pages(ABC, Generic[Row]):
    """The pages of one kind. `list_url` and `revoke_url` are names of URLs, `title` is the list's;
    `json_name` is the member of JSON that has a new one's secret; `refused` is what is refused after the end.
    """

    list_url: str
    revoke_url: str
    title: str
    template: str
    json_name: str
    refused: str

    @abstractmethod
    def rows_of(self, user: User) -> list[Row]:
        """A user's own, in the order of the list."""

    @abstractmethod
    def find(self, user: User, pk: int) -> Row:
        """One of the user's own. Raises NotFound."""

    @abstractmethod
    def create(self, user: User, name: object, now: datetime, *, seed: str) -> tuple[Row, str]:
        """A new one and its secret. `seed`: of the form that asks for it, or empty. Raises InvalidInput."""

    @abstractmethod
    def secret_again(self, row: Row, seed: str) -> str:
        """The secret of what a form with this seed has just made; empty where it cannot be told."""

    @abstractmethod
    def end(self, user: User, pk: int, now: datetime) -> Row:
        """Revokes one of the user's own. Raises NotFound."""

    @abstractmethod
    def as_json(self, row: Row) -> dict[str, object]:
        """What scripts are told of one; never its secret."""

    def shown_in_list(self, request: HttpRequest, rows: Sequence[Row]) -> Shown:
        """What the list's template needs besides `rows`."""
        return NOTHING

    def shown_of_new(self, request: HttpRequest, row: Row, secret: str) -> Shown:
        """What the list's template needs besides `made` and `secret`, right after one was made."""
        return NOTHING

    @sensitive_variables("secret", "more")
    def listed_or_made(self, request: HttpRequest) -> HttpResponse:
        """The list; a POST with `name` makes one and shows its secret, this once."""
        if request.method != "POST":
            return self._list(request)
        name = answers.posted(request).get("name")
        try:
            row, secret = self._made(request, name)
        except InvalidInput as error:
            if answers.wants_json(request):
                raise
            shown = {
                "errors": error.errors,
                "form_errors": error.errors.get("", []),
                "name": str(name or ""),
            }
            return self._list(request, shown, status=400)
        response: HttpResponse
        if not secret:
            told = NOT_AGAIN.format(name=row.name)
            response = self._list(request, {"form_errors": [told]}, status=409)
        elif answers.wants_json(request):
            response = JsonResponse({**self.as_json(row), self.json_name: secret}, status=201)
        else:
            # No redirect: nobody is shown the secret again, so it has to be in this very answer.
            more = self.shown_of_new(request, row, secret)
            response = self._list(request, {"made": row, "secret": secret, **more}, status=201)
        response["Cache-Control"] = "no-store"
        return response

    @sensitive_variables()
    def _made(self, request: HttpRequest, name: object) -> tuple[Row, str]:
        """A new one and its secret; of a form that was sent a moment ago what that made, a later one's is empty."""
        user, now = user_of(request), timezone.now()
        seed = "" if answers.wants_json(request) else request.POST.get(FIELD, "")
        if not seed:
            return self.create(user, name, now, seed="")
        made: list[tuple[Row, str]] = []

        def make() -> Row:
            made.append(self.create(user, name, now, seed=seed))
            return made[0][0]

        row = once(request, make=make, find=lambda pk: self.find(user, int(pk))).made
        if made:
            return made[0]
        is_fresh = now - row.created_at < SHOWN_AGAIN_FOR and row.revoked_at is None
        return row, self.secret_again(row, seed) if is_fresh else ""

    def revoked(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET asks first (for browsers without scripts); POST revokes one's own."""
        if request.method != "POST":
            row = self.find(user_of(request), pk)
            context = {
                "row": row,
                "title": self.title,
                "list_url": self.list_url,
                "revoke_url": self.revoke_url,
            }
            return answers.page(request, "access/revoke.html", context)
        row = self.end(user_of(request), pk, timezone.now())
        return answers.done(
            request,
            to=reverse(self.list_url),
            message=f"{row.name} is revoked: {self.refused} from now on.",
            as_json=self.as_json(row),
        )

    @sensitive_variables("shown")
    def _list(
        self, request: HttpRequest, shown: Shown = NOTHING, *, status: int = 200
    ) -> HttpResponse:
        rows = self.rows_of(user_of(request))
        context = {
            "rows": rows,
            "errors": NO_ERRORS,
            "form_errors": [],
            "list_url": self.list_url,
            "revoke_url": self.revoke_url,
            **self.shown_in_list(request, rows),
            **shown,
        }
        return answers.page(
            request,
            self.template,
            context,
            as_json=lambda: {"results": [self.as_json(row) for row in rows], "next": None},
            status=status,
        )
