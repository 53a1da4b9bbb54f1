"""Loading instance types from CSV: new ones, new prices, and what is refused with its line and column."""

from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from jobs.domain.environments.instance_type_csv import MAX_CHARACTERS, read_rows
from jobs.domain.environments.instance_types import families_of
from jobs.domain.errors import Conflict, InvalidInput
from jobs.models import InstanceType
from jobs.selectors.instance_types import types_named
from jobs.services.setup import instance_catalogue
from jobs.services.setup.instance_catalogue import load_instance_types, shipped_rows
from tests.builders import an_instance_type, load_catalogue

pytestmark = pytest.mark.django_db

HEADER = "name,vcpus,memory_mib,gpus,gpu_name,architecture,usd_per_hour,spot_usd_per_hour\n"
M5 = "m5.large,2,8192,0,,x86_64,0.096,0.04\n"


def load(text: str) -> str:
    return str(load_instance_types(rows=read_rows(text)))


def errors_of(text: str) -> dict[str, list[str]]:
    with pytest.raises(InvalidInput) as refused:
        load(text)
    return refused.value.errors


def run(*words: str) -> str:
    out = StringIO()
    call_command("instance_types", *words, stdout=out)
    return out.getvalue()


def test_the_shipped_catalogue_is_whole() -> None:
    load_catalogue()
    assert InstanceType.objects.count() == len(shipped_rows()) == 282
    row = InstanceType.objects.get(name="g5.xlarge")
    assert (row.milli_vcpus, row.memory_mib, row.gpus, row.gpu_name) == (4000, 16384, 1, "A10G")
    assert (row.region, str(row.priced_on)) == ("us-east-1", "2026-07-20")
    assert not InstanceType.objects.filter(is_custom=True).exists()
    assert not InstanceType.objects.filter(spot_usd_per_hour=None).exists()


@pytest.mark.parametrize(
    ("name", "architecture"), [("optimal", "x86_64"), ("default_arm64", "arm64")]
)
def test_a_bundle_s_families_are_in_the_shipped_catalogue(name: str, architecture: str) -> None:
    load_catalogue()
    found = types_named([name])
    assert list(dict.fromkeys(row.family for row in found)) == list(families_of(name))
    assert {row.architecture for row in found} == {architecture}


def test_a_second_load_changes_nothing() -> None:
    load_catalogue()
    assert str(load_instance_types(rows=shipped_rows())) == "0 new, 0 changed, 282 as before."


def test_new_types_are_added_and_known_ones_get_the_file_s_prices() -> None:
    load(HEADER + M5)
    said = load(HEADER + M5.replace("0.096", "0.1") + "m5.xlarge,4,16384,,,,0.2,\n")
    assert said == "1 new, 1 changed, 0 as before."
    large, xlarge = InstanceType.objects.order_by("milli_vcpus")
    assert large.usd_per_hour == Decimal("0.1")
    assert (xlarge.architecture, xlarge.spot_usd_per_hour, xlarge.is_custom) == (
        "x86_64",
        None,
        False,
    )


def test_a_column_that_is_missing_leaves_its_field_as_it_is() -> None:
    load(HEADER + M5)
    load("usd_per_hour,name,vcpus,memory_mib\n0.09,m5.large,2,8192\n")
    row = InstanceType.objects.get()
    assert (row.usd_per_hour, row.spot_usd_per_hour) == (Decimal("0.09"), Decimal("0.04"))


def test_a_custom_type_is_changed_only_by_a_row_that_calls_it_custom() -> None:
    an_instance_type("m5.large", memory_mib=8192)
    said = load(HEADER + M5)
    assert said == (
        "0 new, 0 changed, 0 as before. Custom types were left alone (the file does not call "
        "them custom): m5.large."
    )
    flagged = "name,vcpus,memory_mib,usd_per_hour,custom\nm5.large,4,8192,0.3,yes\n"
    assert load(flagged) == "0 new, 1 changed, 0 as before."
    row = InstanceType.objects.get()
    assert (row.milli_vcpus, row.usd_per_hour, row.is_custom) == (4000, Decimal("0.3"), True)


def test_remarks_empty_lines_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    assert load(f"\ufeff# a remark\n\n{HEADER}\n# another\n{M5}".replace("\n", "\r\n")) == (
        "1 new, 0 changed, 0 as before."
    )


@pytest.mark.parametrize(
    ("text", "place", "fix"),
    [
        ("", "", "Its first line names the columns."),
        ("# only a remark\n", "", "Its first line names the columns."),
        ("\x00\n", "", "Give a CSV file in UTF-8."),
        ("name,vcpus\n", "line 1, memory_mib", "Add it to the header."),
        ("# x\nname,vcpus,memory_mib,colour\n", "line 2, colour", "Columns are name, vcpus"),
        ("name,vcpus,memory_mib,\n", "line 1, a column without a name", "Columns are name, vcpus"),
        ("name,vcpus,memory_mib,name\n", "line 1, name", "Keep one."),
        (HEADER + "m5.large,2\n", "line 2", "2 cells, the header 8. Make them equal."),
        (HEADER + M5 + M5, "line 3, name", "stands on line 2 already"),
        (HEADER + M5.replace("0.096", "cheap"), "line 2, usd_per_hour", "such as 0.04048"),
        (HEADER + M5.replace("0.096", ""), "line 2, usd_per_hour", "Give a price"),
        (HEADER + "\n" + M5.replace("0.04", "1"), "line 3, spot_usd_per_hour", "0.096 here"),
        (HEADER + M5.replace("m5.large", "m5"), "line 2, name", "a dot and its size"),
        ("name,vcpus,memory_mib,custom\nr.l,1,64,maybe\n", "line 2, custom", "true or false"),
        (
            "name,vcpus,memory_mib,purchase_usd,lifetime_years\nr.l,1,64,1,1\n",
            "line 2, purchase_usd",
            "Only a custom type",
        ),
    ],
)
def test_an_error_names_line_column_and_fix(text: str, place: str, fix: str) -> None:
    errors = errors_of(text)
    assert list(errors) == [place]
    assert fix in errors[place][0]


def test_a_file_that_is_too_large_is_refused() -> None:
    text = HEADER + "\n" * MAX_CHARACTERS
    assert errors_of(text) == {"": ["A file has at most 5000000 characters. Split it."]}


def test_a_quote_that_is_never_closed_is_told_as_such() -> None:
    errors = errors_of(HEADER + '"m5.large' + "x" * 200_000)
    assert "Not valid CSV" in errors["line 2"][0]


def test_a_file_with_one_error_loads_nothing() -> None:
    load(HEADER + M5)
    good = M5.replace("0.096", "0.5") + M5.replace("m5.large", "m5.xlarge")
    errors_of(HEADER + good + M5.replace("m5.large", "m5.2xlarge").replace("8192", "much"))
    assert InstanceType.objects.get().usd_per_hour == Decimal("0.096")


def test_the_size_of_a_type_of_the_catalogue_is_not_loaded_anew() -> None:
    load(HEADER + M5)
    errors = errors_of(HEADER + M5.replace("8192", "16384"))
    assert "here it has 8192." in errors["line 2, memory_mib"][0]


def test_a_type_of_the_catalogue_is_not_made_custom_by_a_file() -> None:
    load(HEADER + M5)
    errors = errors_of("name,vcpus,memory_mib,custom\nm5.large,2,8192,yes\n")
    assert errors == {
        "line 2, custom": ["m5.large is of the catalogue, not custom. Leave this empty."]
    }


def test_of_very_many_errors_the_first_and_the_number_of_the_rest_are_told() -> None:
    lines = "".join(f"m{number}.large,0,0,,,,,\n" for number in range(500))
    errors = errors_of(HEADER + lines)
    assert sum(len(texts) for texts in errors.values()) < 1600


def test_who_is_slower_than_another_loader_is_told_to_load_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load(HEADER + M5)
    # As if the other's types had been written after they were looked for.
    monkeypatch.setattr(instance_catalogue, "_locked", lambda _rows: [])
    with pytest.raises(Conflict, match="load the file again"):
        load(HEADER + M5 + M5.replace("m5.large", "m5.xlarge"))
    assert InstanceType.objects.count() == 1


def test_the_command_loads_the_shipped_catalogue_and_lists_it() -> None:
    assert run("load", "--dry-run").endswith("Would load: 282 new, 0 changed, 0 as before.\n")
    assert not InstanceType.objects.exists()
    assert run("load") == "Loaded: 282 new, 0 changed, 0 as before.\n"
    assert (
        "t3.nano: x86_64, 2 vCPU, 512 MiB; 0.0052 USD an hour, Spot 0.0019 (us-east-1 2026-07-20)"
        in run("list").splitlines()
    )


def test_what_is_exported_is_loaded_again_as_it_was(tmp_path: Path) -> None:
    load(HEADER + M5)
    an_instance_type(
        "rack.large",
        gpus=1,
        gpu_name="L4",
        usd_per_hour="0.2",
        purchase_usd=4383,
        lifetime_years=5,
        watts=400,
        usd_per_kwh="0.25",
    )
    file = tmp_path / "types.csv"
    file.write_text(run("export"))
    assert "rack.large,2,4096,1,L4,x86_64,,0.04,,,4383,5,400,0.25,yes\n" in file.read_text()
    assert run("load", str(file)) == "Loaded: 0 new, 0 changed, 2 as before.\n"
    before = list(InstanceType.objects.values().order_by("name"))
    InstanceType.objects.all().delete()
    assert run("load", str(file)) == "Loaded: 2 new, 0 changed, 0 as before.\n"
    after = list(InstanceType.objects.values().order_by("name"))
    assert [{**row, "id": 0} for row in after] == [{**row, "id": 0} for row in before]


def test_the_command_says_line_by_line_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "types.csv"
    file.write_text(HEADER + M5 + "m5,two,8192,,,,0.1,\n")
    with pytest.raises(CommandError) as refused:
        run("load", str(file))
    first, *lines = str(refused.value).splitlines()
    assert first == "Nothing was loaded."
    assert [line.partition(":")[0] for line in lines] == ["line 3, name", "line 3, vcpus"]


def test_a_file_that_cannot_be_read_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        run("load", str(tmp_path / "none.csv"))
    binary = tmp_path / "types.xlsx"
    binary.write_bytes(b"PK\xff\xfe")
    with pytest.raises(CommandError, match="no text in UTF-8"):
        run("load", str(binary))
