"""Text as a terminal shows it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beambook.recipe._terminal import TerminalText


def shown(*pieces):
    text = TerminalText()
    for piece in pieces:
        text.push(piece)
    assert text.size <= sum(map(len, pieces))
    return text.text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain\n", "plain\n"),
        ("abc\rx", "xbc"),
        ("abc\r\n", "abc\n"),
        ("abc\r", "abc"),
        ("  1 %\r 50 %\r100 %\n", "100 %\n"),
        ("a\b\bbc", "bc"),
        ("12\b3\n", "13\n"),
        ("\x1b[31mred\x1b[0m\rdone", "done"),
        ("", ""),
        ("\r\r\n", "\n"),
        ("one\ntwo\rTHREE\n", "one\nTHREE\n"),
    ],
)
def test_known_texts(text, expected):
    assert shown(text) == expected


@given(st.lists(st.text("ab \r\n\b", max_size=6), max_size=8))
def test_it_does_not_matter_where_the_text_is_cut(pieces):
    whole = "".join(pieces)
    if "\b" not in whole:  # a backspace after a cut may fall on what was shown before
        assert shown(*pieces) == shown(whole)


@given(st.text(st.characters(exclude_characters="\r\b"), max_size=60))
def test_text_without_controls_stays(text):
    assert shown(*text) == text


def test_a_million_updates_stay_small():
    text = TerminalText()
    for i in range(100_000):
        text.push(f"\r{i:6d}")
    assert text.size < 10
