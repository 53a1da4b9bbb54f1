"""Words of texts, what fits them, and how texts are shown with words marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import search

MARKS = [search.owner_mark(7), search.queue_mark(3)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("train-resnet_50", ["train", "resnet", "50"]),
        ("OutOfMemoryError: killed", ["outofmemoryerror", "killed"]),
        ("Größe ÉCOLE école", ["größe", "école", "école"]),  # composed or not
        ("ﬁle ２０２６", ["file", "2026"]),  # noqa: RUF001  a ligature, wide digits
        ("数据 обучение", ["数据", "обучение"]),
        ("a%b'c\"d\\e\0f", ["a", "b", "c", "d", "e", "f"]),
        ("\ue000o7 \ue001", ["o7"]),  # nobody can type a mark
        ("x" * 100, ["x" * 64]),
        ("a" * 3999 + " beyond", ["a" * 64]),
    ],
)
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert search.words(text) == words


def test_a_document_holds_the_first_words_once_and_all_marks() -> None:
    many = " ".join(f"w{number}" for number in range(300))
    text = search.document(texts=["first", many, "first"], marks=MARKS)
    words = text.split()
    assert text == f" {' '.join(words)} "
    assert words[:3] == ["first", "w0", "w1"]
    assert len(words) == search.WORDS_AT_MOST + len(MARKS)
    assert words[-2:] == MARKS


@pytest.mark.parametrize(
    ("sought", "fits"),
    [
        ({"text": "tra"}, True),
        ({"text": "TRA 5"}, True),
        ({"text": "rain"}, False),
        ({"text": "train other"}, False),
        ({"tag": "team=red"}, True),
        ({"tag": "team"}, True),
        ({"tag": "red"}, False),
        ({"owner_id": 7}, True),
        ({"owner_id": 77}, False),  # an owner is no beginning
        ({"text": "tra", "queue_ids": [3]}, True),
        ({"text": "tra", "queue_ids": [30]}, False),
    ],
)
def test_a_document_fits_what_is_sought(sought: dict[str, object], fits: bool) -> None:
    marks = [search.owner_mark(7), search.queue_mark(3), *search.tag_marks([("team", "red")])]
    text = search.document(texts=["train-50"], marks=marks)
    assert search.wanted(**sought).fits(text) is fits  # type: ignore[arg-type]


@given(st.lists(st.text(max_size=40), max_size=5), st.text(max_size=20))
def test_the_index_of_a_block_leads_to_each_document_that_fits(
    texts: list[str], typed: str
) -> None:
    """Else a search would miss it: whatever fits a document, its block's words have."""
    for owner_id in (None, 7):
        wanted = search.wanted(text=typed, owner_id=owner_id)
        text = search.document(texts=texts, marks=MARKS)
        if wanted and wanted.fits(text):
            words = search.indexed_words(text)
            for term in wanted.index_terms():
                assert any(
                    w == term.text if term.is_whole else w.startswith(term.text) for w in words
                )


@given(st.text(max_size=200), st.text(max_size=20))
def test_pieces_are_the_whole_text(text: str, typed: str) -> None:
    cut = search.pieces(text, search.words(typed))
    assert "".join(piece.text for piece in cut) == text


def test_pieces_mark_words_that_begin_as_sought() -> None:
    cut = search.pieces("train-Trainer untrained", ["train"])
    assert [piece.text for piece in cut if piece.is_match] == ["train", "Trainer"]
    assert search.pieces("nothing", ["train"]) == [("nothing", False)]
    assert search.pieces("nothing", []) == [("nothing", False)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short needle", "short needle"),
        ("needle " + "hay " * 20, "needle hay hay hay h…"),
        ("hay " * 20 + "needle", "… hay needle"),
        ("hay " * 20 + "needle " + "hay " * 20, "… hay needle hay hay h…"),
        ("h" * 50 + "-needle", "… needle"),
        ("hay " * 20, "hay hay hay hay hay …"),
    ],
)
def test_an_excerpt_shows_the_first_word_that_was_sought(text: str, shown: str) -> None:
    assert search.excerpt(text, ["needle"], length=20) == shown
