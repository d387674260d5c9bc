"""A sample of `benchmarks/mutations.py`: changes that are found, places that raise no alarm."""

import io
from base64 import b64decode, b64encode

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image, ImageOps

from beambook.recipe import compare, execute

# A command says where it runs, so that the source does not tell.
SETUP = """
%matplotlib inline
import logging, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import matplotlib.pyplot as plt, numpy as np, pandas as pd, xarray as xr
from IPython.display import HTML, JSON, Markdown
where = subprocess.check_output(["pwd"], text=True).strip()
rng = np.random.default_rng(5)
x = np.linspace(0.0, 9.0, 400); y = np.sin(x)
"""

PLACED = {
    "alone": "print('in', where)",
    "value": "where",
    "object": "Path(where) / 'r1.h5'",
    "dict": "{'folder': where, 'n': 3}",
    "uri": "print((Path(where) / 'r1.h5').as_uri())",
    "table": "pd.DataFrame({'file': [f'{where}/r{i}.h5' for i in range(3)], 'n': [1, 2, 3]})",
    "index": "pd.DataFrame({'n': [1, 2]}, [f'{where}/a', f'{where}/b'])",
    "series": "pd.Series({'file': f'{where}/r1.h5', 'trains': 500})",
    "printed": "print(pd.DataFrame({'file': [f'{where}/r1.h5'], 'n': [10]}))",
    "array": "np.array([f'{where}/a.h5', f'{where}/b.h5'])",
    "attribute": "xr.Dataset({'a': ('x', [1.0, 2.0])}, attrs={'file': f'{where}/r1.h5'})",
    "html": "HTML(f'<p>read <code>{where}/r1.h5</code>: 500</p>')",
    "markdown": "Markdown(f'Wrote `{where}/out/fit.json`')",
    "json": "JSON({'file': f'{where}/r1.h5', 'n': 500})",
    "quoted": "print(f'saved \"{where}/my fits/fit 1.csv\"')",
    "caught": "try:\n    open(f'{where}/none.h5')\nexcept OSError as e:\n    print('failed:', e)",
    "log": "log = logging.StreamHandler(sys.stdout)\n"
    "log.setFormatter(logging.Formatter('%(asctime)s %(process)d %(message)s'))\n"
    "logging.getLogger().handlers = [log]; logging.warning('3 outliers')",
    "pool": "def work(i):\n    time.sleep(i % 2 / 50); sys.stdout.write(f'done {i}\\n')\n"
    "with ThreadPoolExecutor(4) as pool:\n    list(pool.map(work, range(4)))",
    "seconds": "t = time.time(); pd.DataFrame({'step': ['fit'], 'took': [time.time() - t]})",
    "rates": "pair = [1 / (time.time() - t) for _ in 'ab']; print('%.1f, %.1f Hz' % tuple(pair))",
    "figure": "plt.plot(x, y, label=f'{where}/r1.h5'); plt.legend(); plt.title(where);",
}

MUTANTS = {
    "category": (
        "pd.Series(pd.Categorical(['a'], ['a', 'b'], ordered=True))",
        "['a', 'b']",
        "['b', 'a']",
    ),
    "zone": (
        "pd.DataFrame({'t': pd.date_range('2025-11-03', periods=2, tz='UTC')})",
        "UTC",
        "Asia/Tokyo",
    ),
    "steps": ("plt.step(x[:9], y[:9], where='mid');", "mid", "post"),
    "asymmetric": ("plt.errorbar([1, 2], [4, 5], yerr=[[0.2] * 2, [0.4] * 2]);", "0.4", "0.3"),
    "density": ("plt.hist(y, bins=20, density=False);", "False", "True"),
    "span": ("plt.plot(x, y); plt.axhspan(0.2, 0.3);", "0.3", "0.4"),
    "labels": (
        "c = plt.contour(np.outer(y, y)[::8, ::8], levels=[0.2, 0.5]); plt.clabel(c);",
        "0.5",
        "0.6",
    ),
    "proposal": ("JSON({'proposal': 'p008000'})", "p008000", "p008001"),
    "attribute": ("xr.Dataset({'a': ('x', [1.0], {'units': 'mm'})})", "'mm'", "'um'"),
    "chart": (
        'HTML(\'<div></div><script>(function(s) {})({"data": [1, 4], "$schema": \'\n'
        "     '\"https://vega.github.io/schema/vega-lite/v6.json\"});</script>')",
        "4]",
        "5]",
    ),
    "threads": (
        "with ThreadPoolExecutor(2) as pool:\n    list(pool.map(print, ['a 1', 'b 2']))",
        "b 2",
        "b 3",
    ),
    "log": ("import sys; print('12 peaks and 3 outliers found')", "12", "13"),
    "file": ("pd.DataFrame({'file': ['/gpfs/run/' + 60 * 'a' + '/r1.h5']})", "r1", "r2"),
}


def executed(cells, folder):
    notebook = new_notebook(cells=[new_code_cell(SETUP, id="setup")])
    notebook.cells += [new_code_cell(source, id=name) for name, source in cells.items()]
    folder.mkdir(parents=True)
    nbformat.write(notebook, folder / "sample.ipynb")
    execution = execute(folder / "sample.ipynb", {}, into=folder / "executions")
    assert execution.status == "done", execution.error
    return execution


def foreign(execution, path):
    """The same as stored by others: without fingerprints, times and a record."""
    notebook = nbformat.read(execution.path / "notebook.ipynb", 4)
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            for mime in list(output.get("data", {})):
                if "beambook" in mime or "dataresource" in mime:
                    del output.data[mime]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)
    return path


def status_of(verdict, reference, name):
    numbers = {cell.id: i for i, cell in enumerate(reference.cells, 1)}
    return next(c for c in verdict.cells if c.number == numbers[name])


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """The same notebook in a short folder, and in a long one with spaces in its name."""
    root = tmp_path_factory.mktemp("m")
    long = root / "Beam time of May" / ("x" * 40) / "analysis"
    return executed(PLACED, root / "a"), executed(PLACED, long), root


@pytest.mark.parametrize("stored", ["by beambook", "by others"])
@pytest.mark.parametrize("name", PLACED)
def test_another_place_is_no_change(places, verdicts, stored, name):
    if stored == "by others" and name == "figure":
        pytest.skip("a title that nobody can read in a picture")
    notebook = nbformat.read(places[0].path / "notebook.ipynb", 4)
    for verdict in verdicts[stored]:
        cell = status_of(verdict, notebook, name)
        assert cell.status in ("same", "within tolerance"), cell.line()


@pytest.fixture(scope="module")
def verdicts(places):
    short, long, root = places
    others = [foreign(e, root / f"others-{i}" / "x.ipynb") for i, e in enumerate(places[:2])]
    return {
        "by beambook": [compare(short, long), compare(long, short)],
        "by others": [compare(short, others[1]), compare(long, others[0])],
    }


def test_the_places_really_differ(places):
    texts = [(e.path / "notebook.ipynb").read_text() for e in places[:2]]
    assert all(str(e.path) in text for e, text in zip(places, texts, strict=False))
    assert "..." in texts[1]  # pandas cut the long paths


@pytest.fixture(scope="module")
def mutated(tmp_path_factory):
    root = tmp_path_factory.mktemp("m")
    changed = {}
    for name, (source, old, new) in MUTANTS.items():
        changed[name] = source.replace(old, new, 1)
        assert changed[name] != source
    plain = {name: source for name, (source, _, _) in MUTANTS.items()}
    return executed(plain, root / "a"), executed(changed, root / "b"), root


@pytest.mark.parametrize("stored", ["by beambook", "by others"])
@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_change_is_found(mutated, stored, name):
    if stored == "by others" and name == "file":
        pytest.skip("pandas cut the text that changed")
    reference, changed, root = mutated
    notebook = nbformat.read(reference.path / "notebook.ipynb", 4)
    if stored == "by others":
        reference = foreign(reference, root / "others" / "x.ipynb")
    assert status_of(compare(changed, reference), notebook, name).status == "different"


def edited(execution, name, change):
    notebook = nbformat.read(execution.path / "notebook.ipynb", 4)
    [cell] = [cell for cell in notebook.cells if cell.id == name]
    [output] = [output for output in cell.outputs if "data" in output]
    change(output.data)
    return notebook, cell


def mirror(data):
    picture = ImageOps.mirror(Image.open(io.BytesIO(b64decode(data["image/png"]))))
    file = io.BytesIO()
    picture.save(file, "PNG")
    data["image/png"] = b64encode(file.getvalue()).decode()


def replace(mime, old, new):
    def change(data):
        assert old in data[mime]
        data[mime] = data[mime].replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("steps", mirror),
        ("zone", replace("text/html", "2025-11-04", "2025-11-05")),
        ("zone", replace("text/plain", "2025-11-04", "2025-11-05")),
        ("category", replace("text/plain", "'a' < 'b'", "'b' < 'a'")),
        ("attribute", replace("text/plain", "float64", "float32")),
    ],
    ids=["picture", "html", "text", "words", "type"],
)
def test_what_is_shown_beside_the_data_cannot_be_edited(mutated, name, change):
    notebook, _ = edited(mutated[0], name, change)
    assert status_of(compare(mutated[0], notebook), notebook, name).status == "different"
