"""What the views of things with a name have in common: how they answer, what becomes of what is refused, on and off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from jobs.domain.errors import Conflict, InvalidInput

from . import answers
from .access import require_staff
from .contexts.undo import of_state
from .toasts import Undo

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing: its page has the URL `name`, its list `list_name`, its form the template `form`.

    `find` gives a thing by its name, or raises NotFound; `summary` is its JSON. `build_form` draws the form with
    `values`, `errors`, and, of one that is there, its `row`. The template `deletes`, drawn by `build_deletes` of a
    `row`, asks before it is deleted, or is where what stands against that is told.
    """

    name: str
    list_name: str
    find: Callable[[str], Any]
    summary: Callable[[Any], Mapping[str, Any]]
    form: str
    build_form: Callable[..., Mapping[str, Any]]
    deletes: str
    build_deletes: Callable[..., Mapping[str, Any]]

    def done(
        self,
        request: HttpRequest,
        name: str,
        told: str,
        *,
        status: int = 200,
        undo: Undo | None = None,
    ) -> HttpResponse:
        """To the page of what was made or changed, with what is `told` there; its JSON for scripts."""
        return answers.done(
            request,
            to=reverse(self.name, args=[name]),
            message=told,
            as_json=self.summary(self.find(name)),
            status=status,
            undo=undo,
        )

    def refused(
        self,
        request: HttpRequest,
        error: InvalidInput | Conflict,
        *,
        values: Fields,
        row: Any = None,
    ) -> HttpResponse:
        """The form with what was typed and what is wrong with it; of a `row`, the one that changes that."""
        return answers.refused(
            request,
            error,
            self.form,
            lambda errors: self.build_form(values=values, errors=errors, row=row),
        )

    def switched(
        self,
        request: HttpRequest,
        name: str,
        *,
        to: str,
        was: Callable[[Any], str],
        change: Callable[[Any], object],
        told: str,
    ) -> HttpResponse:
        """Enables or disables it (`to`), with an undo if that `was` another state."""
        require_staff(request)
        row = self.find(name)
        was_other = was(row) != to
        change(row)
        undo = of_state(self.name, name, to) if was_other else None
        return self.done(request, name, f"The {self.name} {name} {told}", undo=undo)

    def deleted(
        self,
        request: HttpRequest,
        name: str,
        *,
        delete: Callable[[Any], object],
        told: str,
        undo: Callable[[Any], Undo] | None = None,
    ) -> HttpResponse:
        """Deletes it, for a POST; a GET asks first."""
        require_staff(request)
        row = self.find(name)
        if request.method != "POST":
            return answers.page(request, self.deletes, self.build_deletes(row=row))
        try:
            delete(row)
        except Conflict as error:
            return answers.refused(
                request,
                error,
                self.deletes,
                lambda errors: {**self.build_deletes(row=row), "form_errors": errors[""]},
            )
        return answers.done(
            request,
            to=reverse(self.list_name),
            message=told,
            as_json={},
            undo=undo(row) if undo else None,
        )
