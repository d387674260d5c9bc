"""A tolerance that was recorded once holds where the result is printed, and nowhere else."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output

from beambook.recipe import compare
from beambook.recipe._fingerprint import VALUES, pack_one
from beambook.recipe._record import RESULT, encode

TABLE = "application/vnd.dataresource+json"
FORMS = {
    "text": "edge {:.4f} eV",
    "few digits": "edge: {:.1f}",
    "repr": "{!r}",
    "scientific": "E0 = {:.6e} eV",
    "among others": "3 scans at 8333.5: {:.3f} +- 0.05, chi2 1.2345678",
}


def recorded(value, *, name="edge", **options):
    data = {RESULT: encode(name, value, **options), "text/plain": f"{name} = {value}"}
    return new_output("display_data", data=data)


def table(value):
    schema = {"fields": [{"name": "edge", "type": "number"}, {"name": "n", "type": "integer"}]}
    return {"schema": schema, "data": [{"edge": value, "n": 3}], "beambook": {"rows": 1}}


def notebook(*outputs):
    made = [new_code_cell(f"step({i})", outputs=[o]) for i, o in enumerate(outputs)]
    for i, cell in enumerate(made):
        cell.id, cell.execution_count = f"c{i}", i + 1
    return new_notebook(cells=made)


def printed(text):
    return new_output("stream", name="stdout", text=text)


def judged(value, reference, shown, *, shown_of=None, **options):
    """The verdict on the second cell, which shows what the first records."""
    show_a, show_b = shown if isinstance(shown, tuple) else (shown, shown)
    a = notebook(recorded(value, **options), show_a(value))
    b = notebook(recorded(reference, **options), show_b(reference))
    return compare(a, b).cells[1]


@pytest.mark.parametrize("form", FORMS)
def test_a_result_printed_has_its_own_tolerance(form):
    def show(value):
        return printed(FORMS[form].format(value))

    cell = judged(8333.1234, 8333.3617, show, tol=0.5, claim=True)
    assert cell.status == "within tolerance"
    assert "is the recorded 'edge': its tolerance holds (atol 0.5)" in cell.line()
    assert judged(8333.1234, 8333.3617, show).status == "different"  # nobody said 0.5
    beyond = judged(8333.1234, 8333.7617, show, tol=0.5)
    assert beyond.status == "different"
    assert "recorded 'edge'" in beyond.line()


def test_a_result_in_a_table_or_in_html_has_its_own_tolerance():
    def data(value):
        return new_output("display_data", data={TABLE: table(value), "text/plain": str(value)})

    def rounded(value):
        return data(round(value, 2))

    def html(value):
        page = f"<table><tr><th>edge</th></tr><tr><td>{value:.3f}</td></tr></table>"
        return new_output("display_data", data={"text/html": page, "text/plain": "<table>"})

    for show in (data, rounded, html):
        cell = judged(8333.1234, 8333.3617, show, tol=0.5)
        assert cell.status == "within tolerance", show
        assert "the recorded 'edge'" in cell.line()
        assert judged(8333.1234, 8333.3617, show).status == "different"


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 2)], ids=str)
def test_a_result_in_a_small_array_has_its_own_tolerance(shape):
    def show(value, *, first=1.25):
        array = np.full(shape, first)
        array[(-1,) * len(shape)] = value
        packed = pack_one(array, 100)
        return new_output("display_data", data={VALUES: {"arrays": {"": packed}, "version": 1}})

    cell = judged(8333.1234, 8333.3617, show, tol=0.5)
    assert (cell.status, cell.evidence) == ("within tolerance", "values")
    assert "the recorded 'edge'" in cell.line()
    assert judged(8333.1234, 8333.3617, show).status == "different"
    assert judged(8333.1234, 8333.7617, show, tol=0.5).status == "different"
    if shape not in ((), (1,)):
        other = (lambda value: show(value, first=1.26), show)
        assert judged(8333.1234, 8333.3617, other, tol=0.5).status == "different"


def test_lists_dicts_and_uncertainties_are_found_as_well():
    def show(value):
        return printed(f"edge {value['edge']:.3f}, width {value['width']:.3f}")

    a, b = {"edge": 8333.12, "width": 2.51}, {"edge": 8333.31, "width": 2.62}
    assert judged(a, b, show, tol=0.5).status == "within tolerance"
    assert judged(a, b | {"width": 3.62}, show, tol=0.5).status == "different"
    pair = [
        notebook(recorded(8333.1, tol=0.5, error=e), printed(f"8333.1 ± {e:.4f}"))
        for e in (0.0512, 0.0513)
    ]
    assert compare(*pair).status == "within tolerance"


@pytest.mark.parametrize(
    "pair",
    [
        ("edge {:.3f} eV", "edge {:.3f} keV"),
        ("edge {:.3f} eV", "edge -{:.3f} eV"),
        ("edge {:.3f} eV at 12.70 K", "edge {:.3f} eV at 12.68 K"),
        ("edge {:.3f} eV of 3 scans", "edge {:.3f} eV of 4 scans"),
        ("edge {:.3f} eV", "edge 8333.300 eV"),  # neither is what was recorded
        ("edge {:.3f} eV", "peak {:.3f} eV"),
    ],
    ids=["unit", "sign", "number", "count", "edited", "word"],
)
def test_whatever_else_changed_is_found(pair):
    shown = tuple(lambda value, form=form: printed(form.format(value)) for form in pair)
    extra = "\n0.1234567 0.2345678 0.3456789"
    shown = tuple(lambda v, s=s: printed(s(v).text + extra) for s in shown)
    assert judged(8333.1234, 8333.3617, shown, tol=0.5).status == "different"
    assert judged(8333.1234, 8333.3617, shown[0], tol=0.5).status == "within tolerance"


def test_a_count_that_looks_like_a_rounded_result_is_a_count():
    def show(value):
        return printed(f"{value:.0f} peaks")

    assert judged(2.4, 2.6, show, tol=0.5).status == "different"


def array(value):
    made = {VALUES: {"arrays": {"": pack_one(np.asarray(value), 100)}, "version": 1}}
    return new_output("display_data", data=made)


def bare(value):
    return new_output("display_data", data={"text/plain": str(value)})


def one_row(name, *, kind=float):
    def shown(value):
        row = {name: kind(value), "n": 1.5}
        schema = {"fields": [{"name": each, "type": "number"} for each in row]}
        data = {TABLE: {"schema": schema, "data": [row], "beambook": {"rows": 1}}}
        return new_output("display_data", data=data | {"text/plain": str(row)})

    return shown


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (lambda v: printed(f"{v} peaks"), "within tolerance"),
        (lambda v: printed(f"The number of peaks that were found is {v}"), "within tolerance"),
        (bare, "within tolerance"),
        (lambda v: bare(f"np.int64({v})"), "within tolerance"),
        (array, "within tolerance"),
        (one_row("peaks", kind=int), "within tolerance"),
        (one_row("peaks"), "within tolerance"),
        (lambda v: printed(f"{v} bad pixels"), "different"),
        (lambda v: printed(f"peaks: {v}, files: {v}"), "different"),
        (lambda v: bare(f"[{v} 5 7]"), "different"),
        (lambda v: array([v, 5, 7]), "different"),
        (lambda v: array([v, 5.5, 7]), "different"),
        (one_row("lag", kind=int), "different"),
        (one_row("lag"), "different"),
    ],
    ids=range(14),
)
def test_a_small_count_is_the_recorded_one_where_its_name_says_so(shown, status):
    """A two that became a three is in many places; nobody said that one bad pixel more is fine."""
    a, b = (notebook(recorded(v, name="n_peaks", tol=1), shown(v)) for v in (2, 3))
    assert compare(a, b).cells[1].status == status


def test_numbers_of_a_list_or_dict_are_those_of_the_same_place():
    def made(value, text):
        return notebook(recorded(value, tol=4), printed(text))

    a, b = {"b": 100.31, "a": 100.02}, {"a": 100.0, "b": 100.3}
    assert compare(made(a, "a 100.02"), made(b, "a 100.00")).status == "within tolerance"
    assert compare(made(a, "a 100.31"), made(b, "a 100.00")).cells[1].status == "different"
    a, b = [float("nan"), 5.25, 8.5], [float("nan"), 5.5, 8.5]
    assert compare(made(a, "5.25"), made(b, "5.50")).status == "within tolerance"
    for values in (list, np.array):
        a, b = (list(range(10, 60)), list(range(11, 61)))
        found = compare(made(values(a), "run 41"), made(values(b), "run 42"))
        assert found.cells[1].status == "different"


def test_two_results_of_one_value_keep_the_stricter_tolerance():
    def made(value):
        loose, strict = (
            new_output("display_data", data={RESULT: encode(name, value, tol=tol)})
            for name, tol in (("loose", 0.5), ("strict", 0.01))
        )
        return notebook(loose, strict, printed(f"edge {value:.3f}"))

    assert compare(made(8333.1), made(8333.3)).cells[2].status == "different"


def test_a_result_in_another_unit_or_skipped_lends_no_tolerance():
    a, b = (
        notebook(recorded(v, unit=u, tol=0.5), printed(f"edge {v:.3f}"))
        for v, u in ((8333.1, "eV"), (8333.3, "keV"))
    )
    assert compare(a, b).cells[1].status == "different"
    a, b = (notebook(recorded(v, tol=0.5), printed(f"edge {v:.3f}")) for v in (8333.1, 8333.3))
    for each in (a, b):
        each.cells[0].metadata["tags"] = ["volatile"]
    assert compare(a, b).status == "different"


def test_numbers_too_large_for_a_float_are_compared_by_their_digits():
    a, b = (
        notebook(recorded(v, tol=0.5), printed(f"{'9' * 400}{n}")) for v, n in ((1.5, 1), (1.6, 2))
    )
    assert compare(a, b).cells[1].status == "different"
    assert compare(a, a).cells[1].status == "same"
    a, b = (notebook(recorded(1.5, tol=0.5), printed(text)) for text in ("1e400", "1e401"))
    assert compare(a, b).cells[1].status == "different"


@settings(max_examples=80, deadline=None)
@given(
    st.floats(1.0, 1e5) | st.floats(-1e5, -1.0),
    st.floats(1e-3, 0.2),
    st.floats(-2.0, 2.0),
    st.sampled_from(["{:.1f}", "{:.4f}", "{:.9f}", "{:.3e}", "{:.9e}", "{:g}"]),
    st.floats(10.0, 1e4),
    st.floats(1e-3, 0.5),
)
def test_the_printed_result_is_judged_as_the_recorded_one(value, rtol, share, form, other, step):
    tol = rtol * abs(value)
    assume(abs(abs(share) - 1) > 1e-3)
    moved = value + share * tol

    def show(factor):
        def text(v):
            return printed(
                f"{form.format(v)} eV, {other * factor:.9g} K, 0.1234567 0.7654321 0.5555555"
            )

        return text

    short = [len(form.format(v).strip("-0.")) < 3 for v in (moved, value)]  # a count, by its looks
    assume(form != "{:g}" or not all(short))
    cell = judged(moved, value, show(1.0), tol=tol)
    assert (cell.status == "different") <= (abs(share) > 1)
    if abs(share) > 1.1 and form.format(moved) != form.format(value):
        assert cell.status == "different"
    assume(abs(other * (1 + step) - moved) > 0.1 and abs(other - value) > 0.1)
    assert judged(moved, value, (show(1 + step), show(1.0)), tol=tol).status == "different"
