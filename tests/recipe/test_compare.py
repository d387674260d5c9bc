"""Notebooks compared cell by cell: matching, texts, volatile parts, structure, bad input."""

import io
import json
import re
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from beambook.errors import NotebookError, ParameterError, RunNotFound
from beambook.recipe import compare
from beambook.recipe._notebook import write_notebook

FIGURE = "application/vnd.beambook.figure+json"
TABLE = "application/vnd.dataresource+json"
RESULT = "application/vnd.beambook.result+json"
WIDGET = "application/vnd.jupyter.widget-view+json"


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def shown(**data):
    names = {"text": "text/plain", "html": "text/html", "png": "image/png", "svg": "image/svg+xml"}
    return new_output("display_data", data={names.get(k, k): v for k, v in data.items()})


def mime(kind, content, **more):
    return shown(**{kind: content}, **more)


def cell(*outputs, source="step()", id=None, **metadata):
    made = new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)
    made.id = id or "cell"
    return made


def notebook(*cells):
    return new_notebook(cells=list(cells))


def status_of(value, reference, *, source="step()", **options):
    made = (value, reference)
    if isinstance(value, str):
        made = tuple(printed(text) for text in made)
    a, b = (notebook(cell(output, source=source)) for output in made)
    return compare(a, b, **options).status


SAME = [
    ("<T at 0x7f0a12345678>", "<T at 0x7fffabcdef01>"),
    ("id 123e4567-e89b-12d3-a456-426614174000", "id 00000000-e89b-12d3-a456-426614174999"),
    ("took 1.23 s", "took 843 ms"),
    ("<Axes: xlabel='x'>", "<matplotlib.axes._subplots.AxesSubplot at 0x1634278f240>"),
    ("time = 0.1 sec", "time = 13.1 sec"),
    ("│ EDM = 2e-5 │ time = 0.1 sec │", "│ EDM = 2e-5 │ time = 2.4 sec │"),
    ("(np.float64(1.5), np.True_, np.str_('a'))", "(1.5, True, 'a')"),
    ("[np.int64(3), np.complex128(1+2j)]", "[3, (1+2j)]"),
    ("Elapsed time: 0:00:12.345", "Elapsed time: 0:01:02.001"),
    ("Execution time = 3.2", "Execution time = 11"),
    ("read 500 trains in 0.21 s", "read 500 trains in 1.93 s"),
    ("finished in 2 min 3 s", "finished in 3 min 1 s"),
    (
        "CPU times: user 1 ms, sys: 2 µs, total: 3 ms\nWall time: 1.2 s",
        "CPU times: x\nWall time: 3 s",
    ),
    ("12.3 ms ± 40 µs per loop (mean ± std. dev. of 7 runs, 100 loops each)", ""),
    ("100%|####| 10/10 [00:01<00:00, 7.1it/s]\nok", "100%|####| 10/10 [00:03<00:00, 2.5it/s]\nok"),
    ("speed 12.3 MB/s", "speed 99 MB/s"),
    ("PID 4711 on port", "PID 12 on port"),
    ("http://localhost:8888/x", "http://localhost:8899/x"),
    ("saved /tmp/abc/out.h5", "saved /home/me/p9/out.h5"),
    ("open '/tmp/tmpab12cd'", "open '/tmp/tmpxy98zw'"),
    ("C:\\Users\\me\\out.csv", "C:\\Users\\you\\out.csv"),
    ("{'b', 'a'}", "{'a', 'b'}"),
    ("{'b': 1, 'a': {2, 1}}", "{'a': {1, 2}, 'b': 1}"),
    ("\x1b[31mred\x1b[0m 1.5", "red 1.5"),
    ("a   1.5\nb  22", "a 1.5\nb 22"),
    ("1.50", "1.5"),
    ("-0.00", "0.00"),
    ("nan", "nan"),
    ("step 1\rstep 2\rdone 5", "done 5"),
    ("/tmp/ipykernel_12/345.py:3: careful", "/tmp/ipykernel_99/1.py:3: careful"),
    ("memory usage: 1.2+ KB", "memory usage: 856.0 bytes"),
]

WITHIN = [
    ("4035.1999999", "4035.1999998"),
    ("E = 8333.12345678 eV", "E = 8333.12345679 eV"),
    ("[1.0, 6.1e-17]", "[1.0, -2.2e-16]"),
    ("1.0000000001", "1"),
    ("0.3333333333333333", "0.33333334"),
    ("1.234", "1.235"),  # nothing tells that it is more than rounding
]

DIFFERENT = [
    ("E = 8333.1 eV", "E = 8338.1 eV"),
    ("E = 8333.1 eV", "E = 8333.1 meV"),
    ("1.5", "-1.5"),
    ("1.5e-3", "1.5e-2"),
    ("0.12", "0.13"),
    ("12", "13"),
    ("train 2000000001", "train 2000000002"),
    ("5 peaks", "6 peaks"),
    ("nan", "1.0"),
    ("inf", "-inf"),
    ("[1.0, 0.1]", "[1.0, 0.1, 0.2]"),
    ("one\ntwo\nthree", "one\nthree"),
    ("['b', 'a']", "['a', 'b']"),
    ("{'a': 1}", "{'a': 2}"),
    ("r0487", "r0488"),
    ("/data/p900074/r0487", "/data/p900074/r0488"),
    ("/entry/data/counts", "/entry/data/current"),
    ("numpy 1.26.4", "numpy 2.4.6"),
    ("decay time 1.2 ps", "decay time 1.4 ps"),
    ("exposure 12 ms", "exposure 13 ms"),
    ("measured on 2019-03-01 12:00:00", "measured on 2019-03-02 12:00:00"),
    ("total dose 5.1 Gy", "total dose 5.2 Gy"),
    ("0xFF", "0xFE"),
    ("fit took 5 steps", "fit took 6 steps"),
    ("mean decay time: 5.1 ms", "mean decay time: 5.3 ms"),
    ("1,234,567", "1,234,568"),
    ("95 %", "94 %"),
    ("", "something"),
]


@pytest.mark.parametrize(("value", "reference"), SAME)
def test_volatile_parts_do_not_count(value, reference):
    assert status_of(f"n = 500\n{value}", f"n = 500\n{reference}") == "same"


@pytest.mark.parametrize(("value", "reference"), WITHIN)
def test_small_steps_are_within_tolerance(value, reference):
    assert status_of(value, reference) == "within tolerance"
    assert status_of(reference, value) == "within tolerance"


@pytest.mark.parametrize(("value", "reference"), DIFFERENT)
def test_differences_are_found_either_way(value, reference):
    assert status_of(f"x\n{value}", f"x\n{reference}") == "different"
    assert status_of(f"x\n{reference}", f"x\n{value}") == "different"


def test_a_last_digit_counts_where_nothing_else_is_rounded():
    exact = "\n".join(f"{value!r}" for value in np.sqrt([2.0, 3.0, 5.0]))
    assert status_of(f"{exact}\n8333.1", f"{exact}\n8333.2") == "different"


def test_a_last_digit_is_rounding_where_other_numbers_are_rounded():
    noisy = "\n".join(f"{value!r}" for value in np.sqrt([2.0, 3.0, 5.0]) * (1 + 1e-12))
    exact = "\n".join(f"{value!r}" for value in np.sqrt([2.0, 3.0, 5.0]))
    assert status_of(f"{noisy}\n8333.1", f"{exact}\n8333.2") == "within tolerance"


def test_tolerances_are_the_caller_s():
    assert status_of("1.0 V", "1.1 V", rtol=0.2) == "within tolerance"
    assert status_of("1.0 V", "1.1 V", atol=0.2) == "within tolerance"
    assert status_of("1.00000001 V", "1.00000002 V", rtol=0, atol=0) == "different"
    with pytest.raises(ParameterError, match="zero or more"):
        status_of("1", "1", rtol=-1)


SOURCES = [
    ("print(f'{time.time() - t0:.1f} for {n}')", "3.1 for 12", "9.7 for 12", "same"),
    ("print(f'{time.time() - t0:.1f} for {n}')", "3.1 for 12", "9.7 for 13", "different"),
    ("dt = perf_counter() - t\nprint('loop', dt)", "loop 0.12", "loop 0.55", "same"),
    ("dt = perf_counter() - t\nprint(dt)\nprint(edge)", "0.12\n8333.1", "0.55\n8333.1", "same"),
    ("dt = perf_counter() - t\nprint(dt)\nprint(edge)", "0.12\n8333.1", "0.5\n8338.1", "different"),
    ("print('%.1f s, %d peaks' % (time.time(), n))", "1.1 s, 3 peaks", "2.5 s, 3 peaks", "same"),
    (
        "print('%.1f s, %d peaks' % (time.time(), n))",
        "1.1 s, 3 peaks",
        "2.5 s, 4 peaks",
        "different",
    ),
    ("print('{} s, {} peaks'.format(time.time(), n))", "1 s, 3 peaks", "5 s, 3 peaks", "same"),
    ("print('host', socket.gethostname())", "host node001", "host max-wn007", "same"),
    ("print('in', os.getcwd())", "in /gpfs/a/b", "in /home/c", "same"),
    ("print('numpy', np.__version__)", "numpy 1.26.4", "numpy 2.4.6", "same"),
    ("print(', '.join(set(names)))", "a, b, c", "c, a, b", "same"),
    ("print(', '.join(set(names)))", "a, b, c", "c, a, d", "different"),
    ("print(', '.join(sorted(set(names))))", "a, b", "b, a", "different"),
    ("for f in glob.glob('*'):\n    print(f, size(f))", "a 1\nb 2", "b 2\na 1", "same"),
    (
        "fit = solve(data, start=time.time())\nprint('edge', fit)",
        "edge 1.5",
        "edge 2.5",
        "different",
    ),
    ("dt = time.time()\ndt = 5.5\nprint('x', dt)", "x 5.5", "x 6.5", "different"),
    ("!date", "Mon Nov 23 2026", "Tue Nov 24 2026 now", "same"),
    ("print(", "1.5", "2.5", "different"),
]


@pytest.mark.parametrize(("source", "value", "reference", "expected"), SOURCES)
def test_the_source_says_what_is_volatile(source, value, reference, expected):
    assert status_of(value, reference, source=source) == expected


def test_volatile_names_live_on_in_later_cells():
    def made(seconds, edge):
        first = cell(source="elapsed = time.time() - t0", id="a")
        second = cell(
            printed(f"{seconds} s; edge {edge}"), source="print(f'{elapsed} s; edge {e}')"
        )
        return notebook(first, second)

    assert compare(made(1.5, 8333.1), made(9.9, 8333.1)).status == "same"
    assert compare(made(1.5, 8333.1), made(9.9, 8338.1)).status == "different"


def test_dates_near_the_execution_are_its_own():
    now = datetime.now(UTC)
    forms = (
        "%Y-%m-%d %H:%M:%S.%f",
        "%Y-%m-%d",
        "%a %b %d %H:%M:%S %Y",
        "%d.%m.%Y %H:%M",
        "%d %B %Y",
    )
    for form in forms:
        a, b = (f"made {moment.strftime(form)}" for moment in (now, now - timedelta(days=400)))
        assert status_of(a, b) == "same", form
    assert status_of(f"at {time.time()}", f"at {time.time() - 4e7}") == "same"


def test_a_clock_counts_unless_it_shows_the_time_of_the_execution():
    now = datetime.now(UTC)
    record = {"iopub.execute_input": now.isoformat()}

    def status(clock):
        a = notebook(cell(printed(f"beam on at {clock:%H:%M:%S}"), execution=record))
        return compare(a, notebook(cell(printed("beam on at 25:61:61")))).status

    assert status(now + timedelta(seconds=5)) == "same"
    assert status(now + timedelta(hours=5, minutes=17)) == "different"


def test_times_written_by_nbclient_tell_what_is_now():
    record = {"iopub.execute_input": "2024-05-01T10:00:00.123456Z"}
    a = notebook(cell(printed("run of 2024-05-01 10:00:03"), execution=record))
    assert compare(a, notebook(cell(printed("run of 2021-01-01 09:00:00")))).status == "same"
    b = notebook(cell(printed("run of 2020-05-01 10:00:03"), execution=record))
    assert compare(b, notebook(cell(printed("run of 2021-01-01 09:00:00")))).status == "different"


def test_a_list_of_lines_is_a_text():
    a = mime("text/plain", ["one\n", "two 2.5"])
    assert status_of(a, mime("text/plain", "one\ntwo 2.5")) == "same"


# Cells


def steps(*names, value=1.5):
    return [cell(printed(f"{name} {value}"), source=f"{name}()", id=f"id-{name}") for name in names]


def test_cells_are_matched_by_id_when_their_source_was_edited():
    a, b = notebook(*steps("a", "b")), notebook(*steps("a", "b"))
    a.cells[0].source = "a(values=[1, 2])"
    verdict = compare(a, b)
    assert verdict.status == "same"
    assert "its source was edited" in verdict.cells[0].notes


def test_cells_are_matched_by_source_when_ids_are_new():
    a, b = notebook(*steps("a", "b", "c")), notebook(*steps("a", "b", "c"))
    for i, each in enumerate(a.cells):
        each.id = f"other-{i}"
    a.cells.insert(0, cell(source="# parameters", id="new"))
    assert compare(a, b).status == "same"


def test_moved_cells_are_compared_and_said():
    verdict = compare(notebook(*steps("b", "a", "c")), notebook(*steps("a", "b", "c")))
    assert verdict.status == "same"
    assert sum("moved" in " ".join(c.notes) for c in verdict.cells) == 2


def test_a_missing_cell_is_a_difference_and_an_added_one_is_not():
    verdict = compare(notebook(*steps("a", "c")), notebook(*steps("a", "b", "c")))
    assert verdict.status == "different"
    [found] = [c for c in verdict.cells if c.status == "different"]
    assert found.number == 2
    added = compare(notebook(*steps("a", "b", "c")), notebook(*steps("a", "c")))
    assert added.status == "same"
    assert [c.status for c in added.cells].count("not comparable") == 1


def test_an_error_is_a_difference_wherever_it_is():
    failed = new_output("error", ename="ValueError", evalue="no peak", traceback=["…"])
    a, b = notebook(*steps("a")), notebook(*steps("a"))
    a.cells[0].outputs = [failed]
    verdict = compare(a, b)
    assert verdict.status == "different"
    assert "ValueError: no peak" in verdict.card().text()
    extra = notebook(*steps("a"), cell(failed, source="new()", id="new"))
    assert compare(extra, b).status == "different"
    assert compare(a, a).status == "same"


def test_cells_that_were_not_run_lack_their_outputs():
    a, b = notebook(*steps("a", "b")), notebook(*steps("a", "b"))
    a.cells[1].update(outputs=[], execution_count=None)
    verdict = compare(a, b)
    assert verdict.status == "different"
    assert "not executed" in " ".join(verdict.cells[1].notes)


def test_a_reference_that_was_never_run_cannot_be_compared():
    a, b = notebook(*steps("a")), notebook(*steps("a"))
    b.cells[0].update(outputs=[], execution_count=None)
    verdict = compare(a, b)
    assert verdict.status == "not comparable"
    assert verdict.exit_status == 1


@pytest.mark.parametrize(
    "options",
    [
        {"tags": ["volatile"]},
        {"tags": ["nbval-ignore-output"]},
        {"source": "# NBVAL_IGNORE_OUTPUT\nstep()"},
    ],
)
def test_the_author_may_exclude_a_cell(options):
    a, b = (notebook(cell(printed(t), **options), *steps("a")) for t in ("1.5", "2.5"))
    verdict = compare(a, b)
    assert verdict.status == "same"
    assert any("not compared" in note for note in verdict.cells[0].notes)
    assert "1 cells skipped" in verdict.card().text()


def test_stderr_is_listed_and_not_compared():
    a = notebook(cell(printed("1.5"), printed("warning\n", "stderr")))
    verdict = compare(a, notebook(cell(printed("1.5"))))
    assert verdict.status == "same"
    assert "stderr not compared (1 lines here" in verdict.cells[0].notes[0]


def test_how_the_stream_was_cut_does_not_count():
    a = notebook(cell(printed("a 1.5\n"), shown(text="3.25"), printed("b 2.5\n")))
    assert (
        compare(a, notebook(cell(printed("a 1.5\nb 2.5\n"), shown(text="3.25")))).status == "same"
    )


def test_missing_and_extra_outputs_are_named():
    table = shown(html="<table><tr><td>1.5</td></tr></table>", text="1.5")
    a = notebook(cell(shown(text="8333.1")))
    b = notebook(cell(shown(text="8333.1"), table))
    assert "missing output" in compare(a, b).card().text()
    assert "output too many" in compare(b, a).card().text()


def test_widgets_cannot_be_compared():
    a, b = (shown(**{WIDGET: {"model_id": name}, "text": "IntSlider()"}) for name in "ab")
    verdict = compare(notebook(cell(a)), notebook(cell(b)))
    assert verdict.status == "not comparable"
    assert "widget" in verdict.card().text()


def test_a_progress_bar_is_no_output():
    bar = shown(**{WIDGET: {"model_id": "x"}, "text": " 50%|#####     | 1/2 [00:00<00:01]"})
    assert compare(notebook(cell(bar, printed("1.5"))), notebook(cell(printed("1.5")))).ok


# Tables, results and other data


def table(rows, **more):
    fields = [{"name": name} for name in rows[0]]
    schema = {"fields": fields, "primaryKey": ["index"]}
    return mime(TABLE, {"schema": schema, "data": rows, **more}, text="table")


def rows(*edges):
    return [{"index": i, "edge": e, "name": f"r{i}"} for i, e in enumerate(edges)]


def test_tables_made_by_pandas_alone_have_ten_decimals():
    exact = table(rows(1.23456789012e-3), beambook={"version": 1, "rows": 1, "columns": 3})
    assert status_of(exact, table(rows(0.0012345679))) == "within tolerance"
    assert status_of(exact, table(rows(0.0012345699))) == "different"


def test_keys_that_describe_the_schema_do_not_count():
    other = table(rows(1.5, 2.5))
    other.data[TABLE]["schema"]["pandas_version"] = "1.4.0"
    other.data[TABLE]["schema"]["fields"][2]["extDtype"] = "str"
    assert status_of(other, table(rows(1.5, 2.5))) == "same"


def test_a_dropped_row_and_a_renamed_column_are_named():
    named = [{"index": k, "edge": e} for k, e in (("Ni", 1.0), ("Cu", 2.0), ("Fe", 3.0))]
    found = compare(notebook(cell(table([named[0], named[2]]))), notebook(cell(table(named))))
    assert "row Cu" in found.card().text()
    renamed = [{"index": row["index"], "energy": row["edge"]} for row in named]
    found = compare(notebook(cell(table(renamed))), notebook(cell(table(named))))
    assert "energy instead of nothing" in found.card().text() or "edge" in found.card().text()


def test_shown_numbers_must_not_contradict_the_data():
    a, b = table(rows(1.5)), table(rows(1.5))
    a.data["text/plain"], b.data["text/plain"] = "edge 1.5", "edge 1.6"
    assert status_of(a, b) == "different"
    a.data["text/plain"] = "edge 1.500"
    b.data["text/plain"] = "edge 1.5"
    assert status_of(a, b) == "same"


def test_an_html_table_alone_is_compared_number_by_number():
    page = "<style>#T_{0} td {{}}</style><table id='T_{0}'><tr><th>T</th></tr><tr><td>{1}</table>"
    a, b, c = (
        shown(html=page.format(i, v)) for i, v in (("x", 4.2500001), ("y", 4.25), ("z", 4.35))
    )
    assert status_of(a, b) == "within tolerance"
    assert status_of(a, c) == "different"


def test_results_bring_their_tolerance():
    def result(value, **more):
        return mime(RESULT, {"name": "edge", "value": value, "unit": "eV", **more}, text="edge")

    assert status_of(result(8333.15), result(8333.1, tol=0.1)) == "within tolerance"
    assert status_of(result(8333.25), result(8333.1, tol=0.1)) == "different"
    assert status_of(result(8333.1), result(8333.1, unit="keV")) == "different"
    assert status_of(result("a"), result("b", tol=5.0)) == "different"
    assert status_of(result(1.0, error=0.1), result(1.0, error=0.2)) == "different"
    verdict = compare(*(notebook(cell(result(1.5, claim=True))),) * 2)
    assert [c.number for c in verdict.claims] == [1]


def test_plotly_figures_are_compared_by_their_data():
    def figure(values, uid):
        packed = {"dtype": "f8", "bdata": b64encode(np.array(values)).decode()}
        return mime("application/vnd.plotly.v1+json", {"data": [{"y": packed, "uid": uid}]})

    assert status_of(figure([1.0, 2.0], "a"), figure([1.0, 2.0], "b")) == "same"
    assert status_of(figure([1.0, 2.0], "a"), figure([1.0, 2.02], "a")) == "different"


# Pictures


def png(pixels, software=""):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if software:
        info.add_text("Software", software)
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, dtype=np.uint8)).save(file, "PNG", pnginfo=info)
    return shown(png=b64encode(file.getvalue()).decode(), text="<Figure size 640x480 with 1 Axes>")


def curve(*, shift=0, colour=(31, 119, 180)):
    pixels = np.full((240, 320, 3), 255)
    x = np.arange(20, 300)
    y = (120 - 80 * np.sin(x / 25)).astype(int) + shift
    for thick in range(3):
        pixels[y + thick, x] = colour
    return pixels


def test_pictures_that_moved_by_a_pixel_look_similar():
    verdict = compare(notebook(cell(png(curve(shift=1)))), notebook(cell(png(curve()))))
    assert verdict.status == "within tolerance"
    assert "looks similar" in verdict.card().text()
    assert verdict.cells[0].outputs[0].evidence == "picture"


def test_pictures_that_look_different_come_with_a_difference_picture():
    verdict = compare(notebook(cell(png(curve(shift=12)))), notebook(cell(png(curve()))))
    assert verdict.status == "different"
    [content] = verdict.cells[0].pictures
    with Image.open(io.BytesIO(content)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape == (240, 320, 3)
    assert ((pixels == (214, 39, 40)).all(2)).any()
    assert json.loads(verdict.json(pictures=True))["cells"][0]["outputs"][0]["picture"]


def test_a_swapped_colour_map_looks_different():
    from matplotlib import colormaps

    values = np.hypot(*np.meshgrid(np.linspace(-1, 1, 300), np.linspace(-1, 1, 200)))
    a, b = (png(255 * colormaps[name](values)[..., :3]) for name in ("viridis", "plasma"))
    assert status_of(a, b) == "different"


def test_the_same_software_draws_the_same_pixels():
    a, b = (png(curve(shift=s), "Matplotlib version3.11.2") for s in (1, 0))
    assert status_of(a, b) == "different"
    assert status_of(b, b) == "same"


def test_pictures_of_other_sizes_are_resampled():
    large = np.asarray(Image.fromarray(curve().astype(np.uint8)).resize((352, 264)))
    assert status_of(png(large), png(curve())) != "same"
    assert status_of(png(large), png(curve())) != "different"


def test_a_formula_counts_more_than_its_picture():
    a, b = png(curve()), png(curve(shift=30))
    assert status_of(a, b) == "different"
    for output in (a, b):
        output.data["text/latex"] = "$x^{2}$"
    assert status_of(a, b) == "same"
    b.data["text/latex"] = "$$\\displaystyle x^{2}$$"
    assert status_of(a, b) == "same"
    b.data["text/latex"] = "$x^{3}$"
    assert status_of(a, b) == "different"


def test_a_plotly_figure_without_its_theme():
    kind = "application/vnd.plotly.v1+json"
    data = [{"type": "scatter", "x": [1, 2], "y": [3, 4]}]
    a = {"data": data, "layout": {"title": "T", "template": {"x": 1}}, "config": {"a": "b"}}
    packed = [{"type": "scatter", "x": {"dtype": "i1", "bdata": "AQI="}, "y": [3, 4]}]
    b = {"data": packed, "layout": {"title": "T", "template": {"y": 2}}}
    assert status_of(mime(kind, a), mime(kind, b)) == "same"
    packed[0]["x"]["bdata"] = "AQM="
    assert status_of(mime(kind, a), mime(kind, b)) == "different"
    b = {"data": data, "layout": {"title": "U"}}
    assert status_of(mime(kind, a), mime(kind, b)) == "different"


def test_an_output_without_anything_is_none():
    verdict = compare(notebook(cell()), notebook(cell(shown())))
    assert verdict.status == "not comparable"


def test_svg_is_compared_by_its_geometry():
    text = '<svg xmlns="http://www.w3.org/2000/svg"><g id="{}"><path d="M 0 0L{} 5"/></g></svg>'
    a, b, c = (shown(svg=text.format(i, x)) for i, x in (("p1", 1.5), ("p2", 1.5), ("p1", 1.6)))
    assert status_of(a, b) == "same"
    assert status_of(a, c) == "different"


def drawn(*, version, width=4.0, values=(1, 3, 2), label="edge", lines=1):
    """A figure as SVG, as if another version of Matplotlib had drawn it."""
    figure = Figure(figsize=(width, 3))
    axes = figure.add_subplot()
    for step in range(lines):
        axes.plot(np.asarray(values) - 0.1 * step)
    axes.set_ylim(0, 4)
    axes.set_title(label)
    file = io.StringIO()
    figure.savefig(file, format="svg")
    return shown(svg=re.sub(r"Matplotlib v[\w.+]+", f"Matplotlib v{version}", file.getvalue()))


def test_svg_of_another_matplotlib_may_move_a_little():
    reference = drawn(version="3.9.2")
    assert status_of(drawn(version="3.9.2", width=4.01), reference) == "different"
    assert status_of(drawn(version="3.11.2"), reference) == "same"
    assert status_of(drawn(version="3.11.2", width=4.01), reference) == "within tolerance"
    assert status_of(drawn(version="3.11.2", width=4.06), reference) == "not comparable"
    assert status_of(drawn(version="3.11.2", values=(1, 3, 1.8)), reference) == "different"
    assert status_of(drawn(version="3.11.2", label="edges"), reference) == "different"
    assert status_of(drawn(version="3.11.2", lines=2), reference) == "different"


def test_the_version_in_a_svg_on_a_page_is_no_number():
    page = "<div>edge 8333 eV<svg><metadata>Matplotlib v{}</metadata></svg></div>"
    a, b = (shown(html=page.format(version)) for version in ("3.9.2", "3.11.2"))
    assert status_of(a, b) == "same"


# Whole verdicts


def test_the_card_leads_with_the_answer():
    a = notebook(new_markdown_cell("# Edge"), *steps("a", "b", value=1.5))
    b = notebook(new_markdown_cell("# Edge"), *steps("a", "b", value=1.7))
    verdict = compare(a, b)
    text = verdict.card().text()
    assert text.splitlines()[1].split() == ["verdict", "different"]
    assert "2 Edge" in text
    assert "1.5 instead of 1.7" in text
    assert verdict.cells[0].where == "cell 2 (Edge)"
    assert len(verdict.card().facts) <= 8
    assert "<table>" in verdict._repr_html_()


def test_at_most_three_examples_are_kept():
    a, b = ("\n".join(f"{v}.5" for v in range(k, k + 50)) for k in (0, 100))
    verdict = compare(notebook(cell(printed(a))), notebook(cell(printed(b))))
    assert len(verdict.cells[0].differences) == 3
    assert verdict.cells[0].outputs[0].differing == 50
    assert "and 49 more" in verdict.card().text()


def test_json_holds_all_of_it():
    verdict = compare(notebook(*steps("a", value=1.5)), notebook(*steps("a", value=1.7)))
    document = json.loads(verdict.json())
    assert document["status"] == "different"
    assert document["exit_status"] == verdict.exit_status == 1
    [difference] = document["cells"][0]["outputs"][0]["differences"]
    assert difference["value"] == "1.5"
    assert difference["relative"] == pytest.approx(0.2 / 1.7)


def test_files_folders_and_executions_are_read(tmp_path):
    made = notebook(*steps("a"))
    write_notebook(made, tmp_path / "notebook.ipynb")

    class Execution:
        path = tmp_path
        cells = ()  # times of the cells

    class Holder:
        notebook = made

    plain = json.loads(json.dumps(made))
    things = (tmp_path, str(tmp_path), tmp_path / "notebook.ipynb", Execution(), Holder(), plain)
    for thing in things:
        assert compare(thing, made).status == "same"


def test_what_is_no_notebook_is_refused(tmp_path):
    made = notebook(*steps("a"))
    (tmp_path / "broken.ipynb").write_text("{")
    with pytest.raises(RunNotFound, match=r"notebook\.ipynb"):
        compare(tmp_path, made)
    with pytest.raises(RunNotFound):
        compare(tmp_path / "absent.ipynb", made)
    with pytest.raises(NotebookError):
        compare(tmp_path / "broken.ipynb", made)
    with pytest.raises(NotebookError, match="nothing to compare"):
        compare(5, made)


@pytest.mark.parametrize("kind", [FIGURE, TABLE, RESULT, "application/vnd.beambook.values+json"])
@pytest.mark.parametrize(
    "content", ["text", 5, None, [], {"arrays": [{"f8": "%"}], "axes": 3}, {"data": 3, "value": {}}]
)
def test_damaged_data_never_end_a_comparison(kind, content):
    a = mime(kind, content, text="E = 1.5")
    b = mime(kind, {"axes": [], "arrays": [], "value": 1}, text="E = 1.5")
    for pair in ((a, b), (b, a), (a, a)):
        assert status_of(*pair) in ("same", "different", "not comparable", "within tolerance")


def test_long_numbers_and_long_lines_take_no_minute():
    began = time.perf_counter()
    assert status_of("9" * 50_000, "9" * 49_999 + "8") == "different"
    assert status_of("a" * 200_000 + "1", "a" * 200_000 + "2") == "different"
    lines = [f"{i} {i * 1.5:.3f}" for i in range(20_000)]
    assert status_of("\n".join(lines), "\n".join([*lines[:-1], "19999 0.5"])) == "different"
    assert time.perf_counter() - began < 30


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",)) | st.sampled_from("01.-e{}[],'/:\n "),
    max_size=60,
)
outputs = st.one_of(
    texts.filter(bool).map(printed),
    texts.map(lambda t: shown(text=t)),
    texts.map(lambda t: shown(html=f"<table><tr><td>{t}</td></tr></table>", text="x")),
    st.floats().map(lambda v: mime(RESULT, {"name": "r", "value": repr(v)}, text="r")),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4).map(
        lambda v: table(rows(*v))
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(outputs, min_size=1, max_size=3))
def test_a_notebook_is_the_same_as_itself(made):
    assert compare(notebook(cell(*made)), notebook(cell(*made))).status == "same"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=2))
def test_a_comparison_reads_the_same_both_ways(pairs):
    a, b = (
        notebook(*[cell(printed(p[k]), id=f"c{i}") for i, p in enumerate(pairs)]) for k in (0, 1)
    )
    assert compare(a, b).status == compare(b, a).status


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 1e6), st.integers(3, 12))
def test_a_moved_number_is_found_at_any_precision(value, digits):
    a, b = (f"{v:.{digits}g} eV and {1 / 3!r} {2 / 3!r} {1 / 7!r}" for v in (value, value * 1.05))
    assert status_of(a, b) == "different"
    assert status_of(a, a) == "same"
