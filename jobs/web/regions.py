"""Template tags of parts of pages that are asked for by themselves; built in like those of `tags`."""

from django import template
from django.template.base import FilterExpression, NodeList, Parser, Token
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

# Context keys by which `answers.page` asks for some regions alone, and gets them.
WANTED_REGIONS = "wanted_regions"
FOUND_REGIONS = "found_regions"
_INSIDE = "is_inside_region"


def is_drawn(context: template.Context) -> bool:
    """Whether what stands here is shown: where some regions alone are asked for, nothing outside of them is."""
    request = getattr(context, "request", None)
    return context.get(WANTED_REGIONS) is None or bool(getattr(request, _INSIDE, False))


class RegionNode(template.Node):
    """A part of a page that htmx can ask for on its own: see `live` and `region`."""

    def __init__(
        self,
        name: FilterExpression,
        topics: FilterExpression | None,
        classes: FilterExpression | None,
        nodes: NodeList,
    ) -> None:
        self.name = name
        self.topics = topics
        self.classes = classes
        self.nodelist = nodes

    def render(self, context: template.Context) -> SafeString:
        name = str(self.name.resolve(context))
        wanted = context.get(WANTED_REGIONS)
        # A request for one region does no other region's work.
        if wanted is not None and name not in wanted:
            return mark_safe("")
        classes = self.classes.resolve(context) if self.classes else ""
        html = format_html(
            '<div id="{}" class="bw-live {}"{}>{}</div>',
            name,
            classes,
            self._live_attributes(context),
            self._drawn(context),
        )
        found = context.get(FOUND_REGIONS)
        if found is not None:
            found[name] = html
        return html

    def _drawn(self, context: template.Context) -> SafeString:
        request = getattr(context, "request", None)
        is_inside = getattr(request, _INSIDE, False)
        if request is not None:
            setattr(request, _INSIDE, True)
        try:
            return self.nodelist.render(context)
        finally:
            if request is not None:
                setattr(request, _INSIDE, is_inside)

    def _live_attributes(self, context: template.Context) -> SafeString:
        if self.topics is None:
            return mark_safe("")
        return format_html(' data-live="{}"', self.topics.resolve(context))


@register.tag
def live(parser: Parser, token: Token) -> RegionNode:
    """`{% live "jobs-table" "jobs" ["css classes"] %}...{% endlive %}`: a part that renews itself.

    When one of its topics (`jobs.changes`, several apart by spaces) is heard of, the browser asks for
    the page's own URL again, gets only such parts (`answers.page` sees to that) and morphs them in place.
    """
    words = token.split_contents()[1:]
    if len(words) not in {2, 3}:
        raise template.TemplateSyntaxError("live takes an id, topics and, if need be, classes")
    name, topics, *rest = (parser.compile_filter(word) for word in words)
    nodes = parser.parse(("endlive",))
    parser.delete_first_token()
    return RegionNode(name, topics, rest[0] if rest else None, nodes)


@register.tag
def region(parser: Parser, token: Token) -> RegionNode:
    """`{% region "submit-form" %}...{% endregion %}`: a part that htmx gets alone when it targets it."""
    words = token.split_contents()[1:]
    if len(words) != 1:
        raise template.TemplateSyntaxError("region takes an id")
    name = parser.compile_filter(words[0])
    nodes = parser.parse(("endregion",))
    parser.delete_first_token()
    return RegionNode(name, None, None, nodes)
