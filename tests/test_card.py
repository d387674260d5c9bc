"""A Card says the same in text, HTML and JSON, whatever is in it."""

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from beambook.card import Card, Described, Table

words = st.text(max_size=20)
tables = st.integers(1, 4).flatmap(
    lambda n: st.builds(
        Table,
        st.tuples(*[words] * n),
        st.lists(st.tuples(*[words | st.integers() | st.floats()] * n), max_size=15).map(tuple),
        words,
    )
)
cards = st.builds(
    Card,
    words,
    words,
    st.dictionaries(words, words, max_size=8),
    st.lists(tables, max_size=2).map(tuple),
    st.lists(words, max_size=2).map(tuple),
)


class Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@given(cards)
def test_html_is_balanced_and_holds_every_fact_as_text(card):
    parser = Balance()
    parser.feed(card.html())
    parser.close()
    assert parser.open == []
    shown = "".join(parser.text)
    for fact, value in card.facts.items():
        if "\r" not in fact + value and "\0" not in fact + value:
            assert fact in shown
            assert value in shown


@given(cards)
def test_json_reads_back(card):
    read = json.loads(card.json())
    assert read["kind"] == card.kind
    assert read["facts"] == dict(card.facts)
    assert [len(t["rows"]) for t in read["tables"]] == [len(t.rows) for t in card.tables]


def test_script_in_a_fact_is_text():
    assert "<script>" not in Card("Run", "x", {"a": "<script>alert(1)</script>"}).html()


def test_text_states_how_many_rows_it_left_out():
    table = Table(("n",), tuple((i,) for i in range(30)), "numbers")
    assert table.text(rows=10).endswith("… 20 more")
    assert "… 10 more" in table.html(rows=20)


def test_described_thing_shows_itself_everywhere():
    class Thing(Described):
        def card(self):
            return Card("Thing", "one", {"size": "3"})

    assert repr(Thing()) == "<Thing one: size 3>"
    assert "<dd>3</dd>" in Thing()._repr_html_()
