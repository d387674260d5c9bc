"""What is stored beside figures and tables: numbers, bounded, quick, and never an error."""

import ast
import json
import subprocess
import sys
import time
import warnings
from base64 import b64decode
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from IPython.core.formatters import DisplayFormatter
from matplotlib.figure import Figure

from beambook.recipe import _fingerprint as fp
from beambook.recipe._arrays import compare_arrays
from beambook.recipe._figures import compare_figures
from beambook.recipe._tally import Tally, Tolerance
from beambook.recipe._text import Context

rng = np.random.default_rng(5)


def numbers(packed):
    return np.frombuffer(b64decode(packed["f8"]), "<f8").reshape(packed["shape"])


def fingerprint(fig):
    document = fp.figure(fig)[fp.FIGURE]
    json.dumps(document, allow_nan=False)
    return document


def drawn(document, kind, *, axes=0):
    found = [a for a in document["axes"][axes]["artists"] if a["kind"] == kind]
    arrays = document["arrays"]
    return [
        {**a, "numbers": {n: numbers(arrays[i]) for n, i in a.get("numbers", {}).items()}}
        for a in found
    ]


def status(a, b):
    tally = Tally("figure")
    compare_figures(fingerprint(a), fingerprint(b), tally, Context())
    return "different" if tally.count else "within" if tally.noisy else "same"


def axes():
    return Figure().subplots()


def test_the_file_needs_nothing_but_the_standard_library():
    tree = ast.parse(Path(fp.__file__).read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {getattr(n, "module", None) or n.names[0].name for n in top}
    assert names <= set(sys.stdlib_module_names) | {"__future__"}
    assert "beambook" not in {n.split(".")[0] for n in names}
    code = "import sys\nexec(sys.stdin.read())\nassert install() is False\n"
    code += "assert not {'numpy', 'pandas', 'matplotlib', 'IPython'} & set(sys.modules)"
    source = Path(fp.__file__).read_text(encoding="utf-8")
    subprocess.run([sys.executable, "-c", code], input=source, text=True, check=True)


@pytest.fixture
def formatter():
    class Shell:
        display_formatter = DisplayFormatter()

    assert fp.install(Shell())
    return Shell.display_formatter


def test_pictures_and_html_stay_beside_the_numbers(formatter):
    fig = Figure()
    fig.subplots().plot([1, 2], [3, 4])
    formatter.formatters["image/png"].for_type(Figure, lambda fig: b"png")
    data, _ = formatter.format(fig)
    assert {fp.FIGURE, "image/png", "text/plain"} <= set(data)
    data, _ = formatter.format(pd.DataFrame({"a": [1.5]}))
    assert {fp.TABLE, "text/html", "text/plain"} <= set(data)
    data, _ = formatter.format(pd.Series([1.5]))
    assert {fp.TABLE, "text/plain"} <= set(data)
    data, _ = formatter.format(xr.DataArray([1.5, 2.5]))
    assert {fp.VALUES, "text/html"} <= set(data)
    data, _ = formatter.format(np.arange(3.0))
    assert {fp.VALUES, "text/plain"} == set(data)


def test_options_of_the_user_stay_as_they_are(formatter):
    assert pd.get_option("display.html.table_schema") is False
    before = dict(mpl.rcParams)
    formatter.format(pd.DataFrame({"a": [1.5]}))
    fp.figure(Figure())
    assert dict(mpl.rcParams) == before
    assert pd.get_option("display.html.table_schema") is False


def test_a_class_keeps_the_bundle_of_its_own(formatter):
    class Frame(pd.DataFrame):
        def _repr_mimebundle_(self, include=None, exclude=None):
            return {"text/x-own": "mine"}, {"text/x-own": {"width": 5}}

    data, metadata = formatter.format(Frame({"a": [1.5]}))
    assert data["text/x-own"] == "mine"
    assert fp.TABLE in data
    assert metadata["text/x-own"] == {"width": 5}


def test_an_error_of_ours_never_reaches_the_notebook(formatter):
    class Broken(Figure):
        def get_children(self):
            raise RuntimeError("no")

    data, metadata = formatter.format(Broken())
    assert fp.FIGURE not in data
    assert metadata["beambook"]["fingerprint"] == "RuntimeError"


def test_lines_are_kept_as_drawn():
    ax = axes()
    x, y = np.linspace(0, 1, 50), rng.normal(size=50)
    ax.plot(x, y, label="mu")
    ax.plot([], [])
    ax.set(title="Ni", xlabel="E / eV", yscale="symlog", xlim=(0, 2))
    ax.legend()
    document = fingerprint(ax.figure)
    [line, empty] = drawn(document, "line")
    assert line["label"] == "mu"
    np.testing.assert_array_equal(line["numbers"]["x"], x)
    np.testing.assert_array_equal(line["numbers"]["y"], y)
    assert empty["numbers"]["x"].size == 0
    described = document["axes"][0]
    assert described["title"] == ["Ni"]
    assert described["legend"] == ["mu"]
    assert described["axis"]["x"]["label"] == "E / eV"
    assert described["axis"]["x"]["limits"] == [0.0, 2.0]
    assert described["axis"]["y"]["scale"] == "symlog"


def test_masked_and_missing_values_are_kept():
    ax = axes()
    ax.plot(np.ma.masked_equal([1.0, 2.0, 3.0], 2.0), [1.0, np.nan, np.inf])
    ax.imshow(np.ma.masked_less(np.arange(4.0).reshape(2, 2), 2))
    document = fingerprint(ax.figure)
    [line] = drawn(document, "line")
    np.testing.assert_array_equal(line["numbers"]["x"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(line["numbers"]["y"], [1.0, np.nan, np.inf])
    [image] = drawn(document, "image")
    np.testing.assert_array_equal(image["numbers"]["pixels"], [[np.nan, np.nan], [2, 3]])


def test_every_common_artist_is_described():
    fig = Figure(figsize=(8, 8))
    panels = fig.subplots(3, 3).ravel()
    panels[0].errorbar([1, 2], [3, 4], yerr=[0.1, 0.2])
    panels[1].scatter([1, 2], [3, 4], c=[5, 6], s=[7, 8])
    panels[2].bar(["a", "b"], [1, 2])
    panels[3].pie([1, 2])
    panels[4].contour(rng.normal(size=(5, 5)))
    panels[5].quiver([0, 1], [0, 1], [1, 2], [3, 4])
    panels[6].hexbin(*rng.normal(size=(2, 50)), gridsize=5)
    panels[7].tripcolor(*rng.normal(size=(2, 20)), np.arange(20.0))
    panels[8].annotate("peak", (1, 2), (3, 4), arrowprops={})
    fig.suptitle("all of them")
    fig.add_axes((0.4, 0.4, 0.1, 0.1)).axvspan(1, 2)
    document = fingerprint(fig)
    assert document["texts"] == ["all of them"]
    for described in document["axes"]:
        assert described["artists"]
        assert not [a for a in described["artists"] if "unread" in a]
        assert any(a.get("numbers") for a in described["artists"])
    assert document["axes"][2]["axis"]["x"]["names"] == ["a", "b"]


def test_three_dimensions_insets_and_subfigures_are_seen():
    fig = Figure()
    left, right = fig.subfigures(1, 2)
    left.suptitle("left")
    solid = left.add_subplot(projection="3d")
    solid.plot_surface(*np.meshgrid([0, 1, 2], [0, 1, 2]), np.ones((3, 3)))
    solid.scatter([1], [2], [3])
    solid.plot([1, 2], [3, 4], [5, 6])
    inset = right.subplots().inset_axes((0.5, 0.5, 0.4, 0.4))
    inset.plot([7, 8])
    document = fingerprint(fig)
    assert document["texts"] == ["left"]
    assert len(document["axes"]) == 3
    [line] = drawn(document, "line")
    np.testing.assert_array_equal(line["numbers"]["z"], [5, 6])
    surface, points = drawn(document, "collection")
    assert surface["numbers"]["faces"].shape == (16, 3)
    assert points["numbers"]["points"].shape == (3, 1)
    [line] = drawn(document, "line", axes=2)
    np.testing.assert_array_equal(line["numbers"]["y"], [7, 8])


def test_two_drawings_of_one_figure_are_the_same():
    def make(seed=0, noise=0.0):
        ax = axes()
        values = np.random.default_rng(seed).normal(size=(40, 40))
        ax.pcolormesh(values * (1 + noise))
        ax.figure.colorbar(ax.collections[0], label="counts")
        ax.plot(values[0] * (1 - noise))
        ax.hist(values.ravel(), 10)
        return ax.figure

    assert status(make(), make()) == "same"
    assert status(make(noise=1e-10), make()) == "within"
    assert status(make(seed=1), make()) == "different"


def test_what_no_eye_can_miss_is_not_tolerated():
    def make(minutes):
        ax = axes()
        ax.plot(pd.date_range("2026-01-01 12:00", periods=60, freq="min"), np.arange(60.0))
        ax.lines[0].set_xdata(ax.lines[0].get_xdata() + np.timedelta64(minutes, "m"))
        return ax.figure

    assert status(make(0), make(0)) == "same"
    assert status(make(1), make(0)) == "different"  # 5e-8 of the seconds since 1970


@pytest.mark.parametrize("size", [100, 10_000, 1_000_000, 4_000_000])
def test_one_moved_point_is_found_in_arrays_of_any_size(size):
    values = rng.uniform(1, 2, size)
    values[[10, 20]] = 1.2, 1.5  # of millions, a swap of nearly the same is within tolerance
    moved = values.copy()
    moved[size // 3] *= 1.01
    swapped = values.copy()
    swapped[[10, 20]] = swapped[[20, 10]]
    noisy = values * (1 + 1e-12)
    packed = [fp.pack_one(v, 4096) for v in (values, moved, swapped, noisy)]
    counts = []
    for other in packed[1:]:
        tally = Tally("values")
        compare_arrays(other, packed[0], tally, Tolerance(), "array")
        counts.append(tally.count)
    assert counts[0] > 0
    assert counts[1] > 0
    assert counts[2] == 0


def test_arrays_in_different_packing_are_still_compared():
    values = rng.uniform(1, 2, 10_000)
    moved = values.copy()
    moved[5000] *= 1.01
    small, large = fp.pack_one(values, 100), fp.pack_one(values, 20_000)
    tally = Tally("values")
    compare_arrays(large, small, tally, Tolerance(), "array")
    assert tally.count == 0
    compare_arrays(fp.pack_one(moved, 20_000), small, tally, Tolerance(), "array")
    assert tally.count > 0


def test_single_precision_noise_is_tolerated():
    values = rng.normal(size=1000).astype("f4")
    nudged = np.nextafter(values, np.float32(np.inf))
    tally = Tally("values")
    compare_arrays(fp.pack_one(nudged, 5000), fp.pack_one(values, 5000), tally, Tolerance(), "a")
    assert (tally.count, tally.noisy) == (0, 1000)


def crowded():
    fig = Figure(figsize=(20, 20))
    for ax in fig.subplots(12, 12).ravel():
        ax.plot(rng.normal(size=800))
        ax.set_title("a title " * 20)
    return fig


def many_lines():
    ax = axes()
    ax.plot(rng.normal(size=(100, 700)))
    return ax.figure


def large_image():
    ax = axes()
    ax.imshow(rng.normal(size=(1500, 1500)))
    return ax.figure


@pytest.mark.parametrize("make", [crowded, many_lines, large_image])
def test_fingerprints_are_bounded(make):
    fig = make()
    assert len(json.dumps(fingerprint(fig))) <= fp.LIMIT
    assert status(fig, fig) == "same"


def test_an_ordinary_figure_takes_milliseconds():
    ax = axes()
    for i in range(5):
        ax.plot(rng.normal(size=500), label=f"run {i}")
    ax.legend()
    fp.figure(ax.figure)
    began = time.perf_counter()
    fp.figure(ax.figure)
    assert time.perf_counter() - began < 0.2  # 2 ms when nobody else works


def test_a_figure_without_anything_has_no_fingerprint():
    assert fp.figure(Figure()) == {}


def test_warnings_turned_into_errors_do_not_hurt(formatter):
    ax = axes()
    ax.plot([np.nan, np.nan], [np.inf, -np.inf])
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        data, _ = formatter.format(ax.figure, include=[fp.FIGURE])
    assert fp.FIGURE in data


# Tables


def stored(frame):
    document = fp.table(frame)[fp.TABLE]
    json.dumps(document, allow_nan=False)
    return document


def test_tables_keep_full_precision():
    values = rng.normal(size=20) * 1e-13
    rows = stored(pd.DataFrame({"v": values}))["data"]
    assert [row["v"] for row in rows] == values.tolist()


def test_all_kinds_of_columns_are_kept():
    frame = pd.DataFrame(
        {
            "float": [1.5, np.nan, np.inf],
            "big": np.array([2**63, 1, 2], dtype="u8"),
            "flag": [True, False, True],
            "word": ["a", None, "c"],
            "date": pd.to_datetime(["2026-01-01", None, "2026-01-03"]),
            "span": pd.to_timedelta([1, 2, 3], unit="s"),
            "kind": pd.Categorical(["u", "v", "u"]),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "object": [[1], {"a": 2}, 3.5],
        }
    )
    document = stored(frame)
    first, second, third = document["data"]
    assert (first["float"], second["float"], third["float"]) == (1.5, None, "+inf")
    assert first["big"] == 2**63
    assert (first["flag"], second["word"], second["nullable"]) == (True, None, None)
    assert (first["date"], second["date"]) == ("2026-01-01T00:00:00", None)
    types = {field["name"]: field["type"] for field in document["schema"]["fields"]}
    assert (types["float"], types["big"], types["date"]) == ("number", "integer", "datetime")


def test_indices_of_several_levels_and_doubled_names_are_kept_apart():
    index = pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["kind", None])
    frame = pd.DataFrame([[1, 2], [3, 4]], index=index, columns=["v", "v"])
    document = stored(frame)
    assert document["schema"]["primaryKey"] == ["kind", "level_1"]
    assert document["data"][1] == {"kind": "b", "level_1": 2, "v": 3, "v.1": 4}


@pytest.mark.parametrize("shape", [(100_000, 5), (50, 3000), (5000, 300), (0, 3), (3, 0)])
def test_tables_of_any_shape_are_bounded(shape):
    document = stored(pd.DataFrame(np.ones(shape)))
    assert len(json.dumps(document)) < 250_000
    assert document["beambook"]["rows"] == shape[0]


def test_words_of_long_tables_are_summed_without_their_folders():
    def digest(folder, name):
        words = [f"{folder}/{name}-{i}.h5" for i in range(5000)]
        return stored(pd.DataFrame({"file": words}))["beambook"]["digest"]["file"]["crc"]

    assert digest("/tmp/a1/raw", "run") == digest("/home/me/raw", "run")
    assert digest("/tmp/a1/raw", "run") != digest("/tmp/a1/raw", "dark")


def test_styled_tables_are_kept_by_their_data():
    pytest.importorskip("jinja2")
    document = fp.styled(pd.DataFrame({"a": [1.5]}).style)[fp.TABLE]
    assert document["data"] == [{"index": 0, "a": 1.5}]


# Arrays that are shown


def test_lazy_arrays_are_not_computed():
    import dask.array as da

    def never(block):
        raise AssertionError("computed")

    lazy = da.ones(4, chunks=2).map_blocks(never, dtype=float, meta=np.array((), dtype=float))
    data = xr.Dataset({"a": ("x", lazy), "b": ("x", np.arange(4.0), {"units": "eV"})})
    document = fp.labelled(data)[fp.VALUES]
    assert document["lazy"] == ["a"]
    assert list(document["arrays"]) == ["b"]
    assert document["attrs"] == ["b.units = eV"]


def test_arrays_without_numbers_are_left_alone():
    assert fp.array(np.array(["a", "b"])) == {}
    assert fp.array(np.array([object(), None])) == {}
    assert fp.array(np.array(5.0)) == {}
