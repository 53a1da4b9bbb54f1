"""Which events a filter pattern selects, after the examples of the CloudWatch Logs User Guide."""

import pytest

from jobs.domain.errors import InvalidInput
from jobs.domain.filters.patterns import parse

REQUEST = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'
EVENT = (
    '{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another"],'
    ' "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null,'
    ' "errorCode": 400, "latency": 1.5, "ThisFlag": true, "cluster.name": "c", "nested": {"a": {"b": ""}}}'
)


@pytest.mark.parametrize(
    ("pattern", "event", "selected"),
    [
        ("", "anything", True),
        ("   ", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "[error 400] bad request", False),
        ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", True),
        ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", False),
        ("?ERROR ?ARGUMENTS", "INVALID ARGUMENTS", True),
        ("?ERROR ?ARGUMENTS", "[WARN] SLOW", False),
        ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", True),
        ('"INTERNAL SERVER ERROR"', "[ERROR 500] SERVER ERROR INTERNAL", False),
        ('"say \\"hi\\""', 'they say "hi" now', True),
        ("ERROR -ARGUMENTS", "[ERROR 400] BAD REQUEST", True),
        ("ERROR -ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", False),
        ("-ARGUMENTS", "[ERROR 400] BAD REQUEST", True),
        ('ERROR -"BAD REQUEST"', "[ERROR 400] BAD REQUEST", False),
        # Terms with ? are ignored where there are others.
        ("?WARN ERROR", "[ERROR]", True),
        ("?ERROR WARN", "[ERROR]", False),
        ("%AUTHORIZED%", "[ERROR 401] UNAUTHORIZED REQUEST", True),
        ("%4[0-9][0-9]%", "[ERROR 401]", True),
        ("%4[0-9][0-9]%", "[ERROR 501]", False),
        ("%^.ERROR%", "[ERROR 401]", True),
        ("%^ERROR%", "[ERROR 401]", False),
        ("%401\\]$%", "[ERROR 401]", True),
        ("%401$%", "[ERROR 401]", False),
        ("%gray|grey%", "the grey one", True),
        ("%colou?r%", "color and colour", True),
        ("%^colou?r$%", "colouur", False),
        ("%a[a-z]*z%", "the abcz", True),
        ("%\\d{3}-\\d{2,3}%", "call 123-45", True),
        ("%^\\d{3,}$%", "12", False),
        ("%10\\.10\\.0\\.1%", "10.10.0.1", True),
        ("%10\\.10\\.0\\.1%", "10x10.0.1", False),
        ("%[^a-z]%", "abc", False),
        ("%[+--]%", ",", True),
        ("%^$%", "", True),
        ("%\\x41%", "A", True),
        ("%\\xe9%", "é", True),
        ("%^[é\\xe8]+$%", "éè", True),
        ("%^.$%", "é", True),
        ("%a.b%", "a\nb", True),
        ("%a$%", "a\n", False),
        ("%\\_\\.%", "_.", True),
        ("%[\\]a]x%", "]x", True),
        ("%[]a]x%", "]x", True),
        ("%[[:alph]%", "z", False),
        ("%[a\\-z]%", "m", False),
        ("%[^\\w\\s]%", "a b_9", False),
        ("%^a|b$%", "xb", True),
        ("%^a|b$%", "xbx", False),
        ("%a|%", "", True),
        ("%^\\d+\\W\\S\\D$%", "12-ab", True),
        ("%error% -%timeout%", "error: timeout", False),
    ],
)
def test_terms(pattern: str, event: str, selected: bool) -> None:
    assert parse(pattern).selects(event) is selected


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ("{$.eventType=UpdateTrail}", True),
        ('{ $.eventType = "updateTrail" }', False),
        ('{ $.eventType != "UpdateTrail" }', False),
        ('{ $.missing != "UpdateTrail" }', False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress = 111.*.111.111 }", True),
        ('{ $.eventType = "*Trail" }', True),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[1] = "value" }', False),
        ('{ $.arrayKey[9] = "value" }', False),
        ('{ $.arrayKey[*] = "another" }', True),
        ("{ $.objectList[*].id = 2 }", True),
        ("{ $.objectList[1].id = 1 }", False),
        ("{ $.eventType = %^Up.*l$% }", True),
        ("{ $.eventType = %create% }", False),
        ("{ $.errorCode = 400 }", True),
        ("{ $.errorCode = 4.0e2 }", True),
        ("{ $.errorCode = 4* }", True),
        ("{ $.errorCode != 400 }", False),
        ("{ $.errorCode > 399 }", True),
        ("{ $.errorCode >= 400 && $.errorCode < 500 }", True),
        ("{ $.errorCode <= 399.5 }", False),
        ("{ $.latency > 1.4 }", True),
        ("{ $.eventType > 1 }", False),
        ("{ $.ThisFlag IS TRUE }", True),
        ("{ $.ThisFlag is false }", False),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.eventType IS NULL }", False),
        ("{ $.SomeOtherObject NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.SomeObject EXISTS }", True),
        ("{ $.['cluster.name'] = c }", True),
        ('{ $["cluster.name"] = c }', True),
        ('{ $.nested.a.b = "" }', True),
        ("{ $.nested.*.b = x }", False),
        ("{ $.objectList[*].* = b && $.* = 400 }", True),
        ("{ $.objectList = x }", False),
        ("{ $.objectList != x }", False),
        ('{ ($.errorCode = 1 || $.errorCode = 400) && $.eventType = "Up*" }', True),
        ('{ $.errorCode = 1 && $.errorCode = 2 || $.eventType = "Up*" }', True),
        ('{ $.errorCode = 1 && ($.errorCode = 2 || $.eventType = "Up*") }', False),
    ],
)
def test_json(pattern: str, selected: bool) -> None:
    assert parse(pattern).selects(EVENT) is selected


@pytest.mark.parametrize("event", ["no JSON", "", "[" * 100_000, "1" * 10_000, "null", '"a"'])
def test_what_is_no_json_object_is_not_selected(event: str) -> None:
    assert not parse("{ $.a = 1 }").selects(event)


@pytest.mark.parametrize(
    ("pattern", "event", "selected"),
    [
        ("[ip, server, username, timestamp, request, status_code, bytes > 1000]", REQUEST, True),
        ("[ip, server, username, timestamp, request, status_code, bytes > 2000]", REQUEST, False),
        (
            "[ip, server, username, timestamp, request =*.html*, status_code = 4*, bytes]",
            REQUEST,
            True,
        ),
        ("[..., status_code = 404, bytes]", REQUEST, True),
        ("[..., status_code = 500 || status_code = 404, bytes]", REQUEST, True),
        ("[ip = 127.*, ...]", REQUEST, True),
        ("[ip, ..., bytes = %^15%]", REQUEST, True),
        ('[ip, server, username, timestamp = "*-0700", ...]', REQUEST, True),
        ("[w1=ERROR, w2]", "ERROR 401 UNAUTHORIZED REQUEST", True),
        ("[w1=ERROR, w2]", "ERROR", False),
        ("[w1=ERROR, w2=4*]", "ERROR 401 UNAUTHORIZED", True),
        ("[w1!=ERROR&&w1!=INFO, w2]", "INFO all is well", False),
        ("[w1!=ERROR&&w1!=INFO, w2]", "WARN it is not", True),
        ("[(w1=A || w1=B) && w1!=B, w2]", "B x", False),
        ("[a, b, c]", "one two", False),
        ("[a]", "", False),
        ("[...]", "", True),
        ("[a, ..., b]", "one", False),
        ("[a = x, b = y, c]", "[x][y] z", True),
        ('[a = "", b]', "[] b", True),
        ('[a = "[x", b = "[y"]', "[x [y", True),
        ('[a = "b [c", d]', "[b [c] d", True),
        ('[a = "x[b", c = "d]"]', "x[b d]", True),
        ('[a = "b*c", b = d]', '"b\\" c" d', True),
        ('[a = "b c", d = e, f]', '"b c"e f', True),
        ("[a = *open, b]", '"open field', True),
        ("[a, b]", "  a   b  ", True),
        ("[a, b = c]", "a [c]  ", True),
        ('[a, b = "[c] d"]', "a [c] d ", True),
    ],
)
def test_fields_between_spaces(pattern: str, event: str, selected: bool) -> None:
    assert parse(pattern).selects(event) is selected


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ('"open', "a double quote is not closed"),
        ("%open", "not closed with %"),
        ("%%", "is empty"),
        ("a=b", "between double quotes"),
        ("(ERROR)", "between double quotes"),
        ("-", "a term should stand at its end"),
        ("%a(b)%", "( is not supported"),
        ("%something!%", "! is not supported"),
        ("%é%", "é is not supported"),
        ("%*a%", "nothing to repeat"),
        ("%a**%", "nothing to repeat"),
        ("%a{3,2}%", "the first number is the larger one"),
        ("%a{0,301}%", "come to at most 300 characters"),
        ("%a{299}% %bc%", "come to at most 300 characters"),
        ("{ $.a = %a{200}% || $.b = %b{200}% }", "come to at most 300 characters"),
        ("[a = %a{200}%, b = %b{200}%]", "come to at most 300 characters"),
        ("%a% %b% -%c% %d% %e% %f%", "use at most 5 regular expressions"),
        ("{ " + " || ".join(["$.a = %b%"] * 6) + " }", "use at most 5 regular expressions"),
        ("%a{9%", "{ is not supported"),
        ("%[b-a]%", "no class of characters"),
        ("%[]%", "no class of characters"),
        ("%[^]%", "no class of characters"),
        ("%\\b%", "\\b is not supported"),
        ("%[\\k]%", "\\k is not supported"),
        ("%a\\%", "is not supported"),
        ("{", "there should be $ at its end"),
        ("{ $.a }", "there should be one of"),
        ("{ $.a = 1", "there should be } at its end"),
        ("{ $.a = 1 } b", "nothing should stand"),
        ("{ $ = 1 }", "is like $.name"),
        ("{ $.a[x] = 1 }", "an index, *"),
        ("{ $.*[*].a.* = 1 && $.* = 2 }", "at most 3 * in"),
        ("{ $.a > x }", "compares numbers"),
        ("{ $.a IS MAYBE }", "TRUE, FALSE or NULL"),
        ("{ $.a NOT NULL }", "EXISTS only"),
        ("{ $" + ".a" * 21 + " = 1 }", "at most 20 parts"),
        ("{ " + "(" * 500, "at most 20 parentheses"),
        ("[a, b", "there should be ] at its end"),
        ("[a, ..., b, ...]", "... may stand there once"),
        ("[a = 1 && b = 2]", "all about a"),
        ("[]", "a term should stand"),
        ("x" * 1025, "at most 1024 characters"),
    ],
)
def test_what_is_not_in_the_syntax_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(pattern)

    (text,) = refused.value.errors["filterPattern"]
    assert text.startswith("Invalid filter pattern: ")
    assert said in text


@pytest.mark.parametrize(
    "pattern",
    [
        "%" + "a*" * 30 + "b%",
        "%" + "a?" * 30 + "a" * 30 + "b%",
        "%" + "[a-z]+" * 30 + "1%",
        "%^" + ".*," * 20 + "P%",
        '{ $.a = "' + "a*" * 100 + 'b" }',
        "%xa{0,290}z%",
    ],
)
def test_a_pattern_that_would_take_years_by_trying_ways_in_turn(pattern: str) -> None:
    matches = parse(pattern).selects
    line = "a" * 16_384

    assert not matches(f'{{"a": "{line}"}}')
    assert not matches(line)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        ("{ $.a = 1 }", '{"a": "' + "1" * 3_000_000 + 'x"}'),
        ("{ $.a > 1 }", '{"a": "' + "1" * 3_000_000 + '.5x"}'),
        ("[a, ..., b = c]", "[ " * 1_000_000),
        ("[..., b = c]", '"[ \\" ' * 500_000),
        ("[a = 1, b = c]", '"' * 1_000_001),
    ],
    ids=["digits", "decimals", "brackets", "escaped quotes", "quotes"],
)
def test_a_line_that_would_take_hours_by_reading_it_again_from_each_place(
    pattern: str, line: str
) -> None:
    assert not parse(pattern).selects(line)


@pytest.mark.parametrize(
    ("pattern", "weight"),
    [
        ("ERROR", 1),
        ("%E%", 1),
        ("%E[0-9]{8}%", 2),
        ("%a{100}% %b{100}%", 41),
        ("[a = %a{50}%]", 11),
    ],
)
def test_what_it_may_cost_to_look_for_a_pattern_is_known(pattern: str, weight: int) -> None:
    assert parse(pattern).weight == weight


def test_text_that_is_no_utf_8_is_searched() -> None:
    assert parse("{ $.a = %b% }").selects('{"a": "\\ud800b"}')
    assert not parse("{ $.a = %c% }").selects('{"a": "\\ud800b"}')
