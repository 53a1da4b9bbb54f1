"""What the admin classes share: reading without counting millions, writing through services only."""

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html

from jobs.domain.errors import BatchError, InvalidInput
from jobs.domain.resources import format_memory, format_vcpus

from .permissions import Asker, right_of

M = TypeVar("M", bound=Model)

# A list shows the first so many matches; whoever looks for others narrows it.
COUNT_LIMIT = 10_000

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin
    _ModelForm = forms.ModelForm
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

    # Django's classes are generic for the type checker alone.
    class _ModelAdmin(admin.ModelAdmin):
        def __class_getitem__(cls, _model: object) -> type:
            return cls

    class _ModelForm(forms.ModelForm):
        def __class_getitem__(cls, _model: object) -> type:
            return cls


class CappedPaginator(_Paginator):
    """Counts no further than COUNT_LIMIT: on a table of millions a full count takes seconds."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by().values("pk")[:COUNT_LIMIT].count()
        return len(rows)


class BatchAdmin(_ModelAdmin[M]):
    """A list that costs the same however much is stored."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may run this model's actions: whoever may change it."""
        name = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return request.user.has_perm(name)

    def apply(
        self,
        request: HttpRequest,
        rows: Iterable[M],
        verb: str,
        act: Callable[[M], object],
        *,
        right: str,
    ) -> None:
        """Runs an action's service for each row, logs what changed, and says how it went.

        `act` gives back false where there was nothing to do; its BatchError is shown, and so is that an access policy
        denies `right`, the action, on the row.
        """
        done = skipped = 0
        asker = Asker(request)
        for row in rows:
            try:
                asker.ask(right, row)
                changed = act(row)
            except (BatchError, PermissionDenied) as error:
                self.message_user(request, f"{row}: {error}", messages.ERROR)
                continue
            if changed:
                self.log_change(request, row, f"{verb}.")
                done += 1
            else:
                skipped += 1
        text = f"{verb}: {done}." + (f" Nothing to do: {skipped}." if skipped else "")
        self.message_user(request, text, messages.SUCCESS if done else messages.WARNING)


class ReadOnlyAdmin(BatchAdmin[M]):
    """Only to look at: what is stored here is written by the services alone."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OfJobAdmin(ReadOnlyAdmin[M]):
    """Rows of a big table that belong to jobs: newest first, found by their job's id."""

    # The path from the row to its job's id.
    job_path: ClassVar[str] = "job_id"
    search_fields = ("job_id",)
    search_help_text = "A job's id."
    sortable_by = ()
    ordering = ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """By the index on the job: a comparison of texts would read the whole table."""
        if not search_term.strip():
            return queryset, False
        job_id = uuid_or_none(search_term)
        if job_id is None:
            return queryset.none(), False
        return queryset.filter(**{self.job_path: job_id}), False


class ServiceForm(_ModelForm[M]):
    """A form whose checks and writes are a service's: the same texts stand beside the same fields."""

    # Where the form has another field than the service: service's field -> form's field.
    field_of: ClassVar[dict[str, str]] = {}

    def service_fields(self) -> dict[str, object]:
        """What the service is to be given."""
        return {name: self.cleaned_data.get(name) for name in self.fields}

    def check_with_service(self, fields: dict[str, object]) -> None:
        """Raises InvalidInput; writes nothing."""
        raise NotImplementedError

    def write_with_service(self, request: HttpRequest, fields: dict[str, object]) -> M:
        """Writes, and gives the row."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        try:
            self.check_with_service(self.service_fields())
        except InvalidInput as error:
            for field, texts in error.errors.items():
                shown = self.field_of.get(field, field)
                self.add_error(shown if shown in self.fields else None, texts)
        return self.cleaned_data

    def _post_clean(self) -> None:
        """The service has checked; the model's own checks would say the same in other words."""


class ServiceAdmin(BatchAdmin[M]):
    """Adds, changes and deletes through services. `form` is a ServiceForm."""

    # What is chosen once, when the row is added.
    fixed_fields: ClassVar[tuple[str, ...]] = ()

    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> Any:
        return self.readonly_fields if obj is None else (*self.readonly_fields, *self.fixed_fields)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> M:
        """Writes. Raises PermissionDenied where an access policy denies it."""
        verb = "Update" if change else "Create"
        Asker(request).ask_of_form(self.model, verb, form)
        row: M = form.write_with_service(request, form.service_fields())
        return row

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:
        """`save_form` has written it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """`save_form` has written it."""

    def delete_with_service(self, row: M) -> None:
        """Deletes the row, or raises Conflict."""
        raise NotImplementedError

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        """Deletes. Raises PermissionDenied where an access policy denies it."""
        Asker(request).ask(right_of(self.model, "Delete"), obj)
        self.delete_with_service(obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Without Django's bulk delete, which reports success for rows that a service refused."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[Any, Any], set[Any], list[Any]]:
        """Only the rows themselves: Django would load everything that refers to them."""
        return [str(row) for row in objs], {self.opts.verbose_name: len(objs)}, set(), []

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self._showing_refusal(
            request,
            lambda: super(ServiceAdmin, self).changeform_view(
                request, object_id, form_url, extra_context
            ),
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._showing_refusal(
            request,
            lambda: super(ServiceAdmin, self).delete_view(request, object_id, extra_context),
        )

    def _showing_refusal(
        self, request: HttpRequest, view: Callable[[], HttpResponse]
    ) -> HttpResponse:
        try:
            return view()
        except BatchError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class SubmittedFilter(admin.SimpleListFilter):
    """Jobs by when they were submitted, read from their ids: those grow with time and are the key."""

    title = "submitted"
    parameter_name = "submitted"
    HOURS: ClassVar[dict[str, int]] = {"hour": 1, "day": 24, "week": 7 * 24, "month": 30 * 24}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("hour", "In the last hour"),
            ("day", "In the last 24 hours"),
            ("week", "In the last 7 days"),
            ("month", "In the last 30 days"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        hours = self.HOURS.get(self.value() or "")
        if hours is None:
            return queryset
        milliseconds = int((timezone.now().timestamp() - hours * 3600) * 1000)
        return queryset.filter(pk__gte=first_job_id(milliseconds))


def first_job_id(milliseconds: int) -> UUID:
    """The least id (a UUID of version 7) that a job of this moment can have."""
    return UUID(int=milliseconds << 80 | 7 << 76 | 2 << 62)


def uuid_or_none(text: str) -> UUID | None:
    """The UUID that the text is, if it is one."""
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def json_text(value: object) -> str:
    """A JSON value as a form's text; empty for an empty one."""
    return json.dumps(value, indent=1, ensure_ascii=False) if value else ""


def clipped(field: str, *, characters: int = 60) -> Callable[[Any], str]:
    """A column for a text of any length: its beginning, and all of it when the pointer rests there."""

    @admin.display(description=field.replace("_", " "))
    def column(row: Any) -> str:
        text = str(getattr(row, field))
        if len(text) <= characters:
            return text
        return format_html('<span title="{}">{}…</span>', text, text[: characters - 1].rstrip())

    return column


class Sized:
    """List columns for whatever has `milli_vcpus` and `memory_mib`."""

    @admin.display(description="vCPUs")
    def vcpus(self, row: Any) -> str:
        return format_vcpus(row.milli_vcpus)

    @admin.display(description="memory")
    def memory(self, row: Any) -> str:
        return format_memory(row.memory_mib)
