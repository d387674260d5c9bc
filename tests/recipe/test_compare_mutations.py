"""Planted changes of results are found; honest re-executions raise no alarm."""

import os
import re
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel
from nbformat.v4 import new_code_cell, new_notebook, output_from_msg

import beambook.recipe
from beambook.recipe import compare

FINGERPRINT = Path(beambook.recipe.__file__).with_name("_fingerprint.py")
INJECT = """
import sys as _s, types as _t
_m = _s.modules["_beambook_fingerprint"] = _t.ModuleType("_beambook_fingerprint")
exec(compile({text!r}, "_fingerprint.py", "exec"), _m.__dict__)
assert _m.install()
del _s, _t, _m
"""
SETUP = """
%matplotlib inline
import matplotlib.pyplot as plt, numpy as np, pandas as pd, xarray as xr
from IPython.display import HTML, JSON, Latex, Markdown, SVG, display
import beambook as bb
rng = np.random.default_rng(7)
x = np.linspace(8300.0, 8420.0, 200)
y = np.exp(-((x - 8345.0) / 9.0) ** 2) + 0.01 * rng.normal(size=x.size)
z = np.exp(-np.hypot(*np.meshgrid(np.linspace(-2, 1, 90), np.linspace(-1, 2, 80))))
"""


class Kernel:
    """One kernel in which cells are run one by one."""

    def __init__(self, **kwargs):
        self.manager, self.client = start_new_kernel(kernel_name="python3", **kwargs)
        self.run(INJECT.format(text=FINGERPRINT.read_text(encoding="utf-8")), silent=True)

    def run(self, source, *, silent=False):
        """Outputs of a cell; its names are gone afterwards."""
        outputs = []

        def keep(message):
            kind = message["msg_type"]
            if kind in ("stream", "display_data", "execute_result", "error"):
                outputs.append(output_from_msg(message))

        self.client.execute_interactive(source, silent=silent, output_hook=keep, timeout=60)
        assert not silent or not outputs, outputs
        return outputs

    def notebook(self, cells):
        nb = new_notebook()
        for i, (name, source) in enumerate(cells.items()):
            nb.cells.append(new_code_cell(source, id=name, outputs=self.run(source)))
            nb.cells[-1].execution_count = i + 1
        return nb

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


CELLS = {
    "record": 'bb.record("edge", 8333.12, unit="eV", tol=0.05)\nbb.record("n", 500)\n'
    'bb.record("ok", True); bb.record("curve", y); bb.record("none", None)\n'
    'bb.record("when", np.datetime64("2026-05-01T12:00:00")); bb.record("z", 1 + 2j)\n'
    'bb.record("fit", {"slope": 2.5, "names": ["a", "b"]})',
    "print": 'print(f"edge at {8333.1:.1f} eV, sigma = {0.0123:.4f}, {500} trains, -> {-1.5e-3}")\n'
    'print("sample: Ni foil")\nprint(np.array([1.5, 2.5, 1e-17]))',
    "dict": "{'slope': 2.25, 'kind': 'linear', 'set': {'a', 'b', 'c'}}",
    "array": "np.linspace(0, 1, 5000) ** 2",
    "frame": "pd.DataFrame({'e': [8333.0, 8345.5, 8347.25], 'name': ['Ni', 'Cu', 'Fe'], "
    "'n': [1, 2, 3]}, index=['u', 'v', 'w'])",
    "long": "pd.DataFrame({'a': np.arange(3000.0), 'b': np.arange(3000) ** 2})",
    "series": "pd.Series([1.0, 2.0, 4.0], index=pd.date_range('2024-01-01', periods=3), name='s')",
    "xarray": "xr.DataArray(y, dims='energy', coords={'energy': x}, attrs={'units': 'eV'})",
    "line": "fig, ax = plt.subplots()\nax.plot(x, y, label='mu')\nax.axvline(8333.0)\n"
    "ax.set_xlabel('energy / eV'); ax.set_title('Ni K edge'); ax.legend()",
    "errorbar": "plt.errorbar(x[::10], y[::10], yerr=0.1 + 0 * x[::10], fmt='o');",
    "band": "plt.fill_between(x, y - 0.1, y + 0.1);",
    "image": "fig, ax = plt.subplots()\nim = ax.imshow(z, cmap='viridis', vmin=0, vmax=1)\n"
    "fig.colorbar(im, label='counts')",
    "big-image": "i = np.arange(900 * 900)\nplt.imshow(np.sqrt(i).reshape(900, 900));",
    "mesh": "plt.pcolormesh(z[:20, :30]);",
    "scatter": "plt.scatter(x[:50], y[:50], c=y[:50], s=10 + 0 * x[:50]);",
    "hist": "plt.hist(y, bins=20);",
    "bar": "plt.bar(['Ni', 'Cu', 'Fe'], [1.0, 2.0, 3.0]);",
    "pie": "plt.pie([1, 2, 3], labels=['a', 'b', 'c']);",
    "contour": "plt.contourf(z, levels=[0.1, 0.3, 0.5]);",
    "quiver": "plt.quiver([0, 1], [0, 1], [1, 2], [1, 0.5]);",
    "notes": "plt.plot([0, 1], [0, 1]); plt.annotate('peak', (0.5, 0.5)); plt.yscale('linear');",
    "dates": "plt.plot(pd.date_range('2026-01-01', periods=20, freq='min'), np.arange(20.0));",
    "solid": "ax = plt.figure().add_subplot(projection='3d')\n"
    "ax.plot_surface(*np.meshgrid([0, 1, 2], [0, 1, 2]), np.arange(9.0).reshape(3, 3))",
    "panels": "fig, axes = plt.subplots(1, 2)\naxes[0].plot(x, y); axes[1].semilogy(x, 1 + y)",
    "html": "HTML('<table><tr><th>T</th><th>n</th></tr>'\n"
    "'<tr><td>4.25 K</td><td>3</td></tr></table>')",
    "markdown": "Markdown('The edge is at **8333.1 eV**')",
    "latex": "Latex(r'$E_0 = 8333.1\\,\\mathrm{eV}$')",
    "json": "JSON({'edge': 8333.1, 'list': [1, 2, 3]})",
    "svg": 'SVG(\'<svg xmlns="http://www.w3.org/2000/svg"><path d="M0 0 L10 5.5"/></svg>\')',
    "text": "'a plain result'",
}

MUTATIONS = [
    ("record", "8333.12", "8333.22"),
    ("record", '"eV"', '"keV"'),
    ("record", '"n", 500', '"n", 501'),
    ("record", "True", "False"),
    ("record", "y)", "np.where(x == x[50], 1.01 * y, y))"),
    ("record", '"none", None', '"none", 0'),
    ("record", "12:00:00", "12:00:01"),
    ("record", "1 + 2j", "1 - 2j"),
    ("record", '"slope": 2.5', '"slope": 2.6'),
    ("record", '["a", "b"]', '["a", "c"]'),
    ("print", "8333.1:", "8333.2:"),
    ("print", "0.0123", "0.0124"),
    ("print", "{500}", "{499}"),
    ("print", "-1.5e-3", "1.5e-3"),
    ("print", "-1.5e-3", "-1.5e-2"),
    ("print", "eV", "meV"),
    ("print", "Ni foil", "Cu foil"),
    ("print", "2.5, 1e-17", "2.6, 1e-17"),
    ("print", '\nprint("sample: Ni foil")', ""),
    ("dict", "2.25", "2.35"),
    ("dict", "linear", "cubic"),
    ("dict", "'c'", "'d'"),
    ("array", "** 2", "** 2 + 0.001 * (np.arange(5000) == 2500)"),
    ("frame", "8345.5", "8345.6"),
    ("frame", "'Cu'", "'Co'"),
    ("frame", "'e':", "'energy':"),
    ("frame", "index=['u', 'v', 'w'])", "index=['u', 'v', 'w']).drop('v')"),
    ("frame", "['u', 'v', 'w']", "['u', 'w', 'v']"),
    ("frame", "'n': [1, 2, 3]", "'n': [1, 2, 4]"),
    ("frame", "8347.25", "np.nan"),
    ("long", "np.arange(3000.0)", "np.arange(3000.0) + 15.0 * (np.arange(3000) == 1500)"),
    ("long", "})", "}).drop(1500).reset_index(drop=True)"),
    ("series", "4.0", "4.001"),
    ("series", "2024-01-01", "2024-01-02"),
    ("xarray", "(y,", "(np.where(x == x[99], 1.01 * y, y),"),
    ("xarray", "'eV'", "'keV'"),
    ("line", "x, y,", "x + 0.5, y,"),
    ("line", "x, y,", "x, np.where(x == x[75], 1.01 * y, y),"),
    ("line", "x, y,", "x, 1.001 * y,"),
    ("line", "x, y,", "x, -y,"),
    ("line", "'mu'", "'mu d'"),
    ("line", "8333.0", "8334.0"),
    ("line", "/ eV", "/ keV"),
    ("line", "Ni K", "Cu K"),
    ("line", "ax.axvline(8333.0)", ""),
    ("errorbar", "0.1 +", "0.2 +"),
    ("band", "y - 0.1", "y - 0.11"),
    ("image", "viridis", "plasma"),
    ("image", "viridis", "viridis_r"),
    ("image", "vmax=1", "vmax=2"),
    ("image", "(z,", "(z.T,"),
    ("image", "(z,", "(np.flipud(z),"),
    ("image", "'counts'", "'photons'"),
    ("big-image", "np.sqrt(i)", "np.sqrt(i)[::-1]"),
    ("big-image", "np.sqrt(i)", "(np.sqrt(i) * (1 + 0.01 * (i == 400_500)))"),
    ("mesh", "(z[:20", "(1.001 * z[:20"),
    ("scatter", "c=y[:50]", "c=y[50:100]"),
    ("scatter", "s=10", "s=20"),
    ("scatter", "y[:50], c", "y[:50] * 1.01, c"),
    ("hist", "bins=20", "bins=21"),
    ("hist", "(y,", "(np.append(y, 0.5),"),
    ("bar", "2.0", "2.1"),
    ("bar", "'Cu'", "'Co'"),
    ("pie", "[1, 2, 3]", "[1, 2, 4]"),
    ("pie", "'b'", "'d'"),
    ("contour", "0.3", "0.35"),
    ("contour", "(z,", "(1.02 * z,"),
    ("quiver", "[1, 0.5]", "[1, 0.6]"),
    ("notes", "'peak'", "'dip'"),
    ("notes", "(0.5, 0.5)", "(0.5, 0.6)"),
    ("notes", "'linear'", "'symlog'"),
    ("dates", "2026-01-01", "2026-01-01 00:10"),
    ("solid", "np.arange(9.0)", "1.01 * np.arange(9.0)"),
    ("panels", "axes[1].semilogy(x, 1 + y)", "axes[1].semilogy(x, 1.001 + y)"),
    ("panels", "semilogy", "plot"),
    ("html", "4.25", "4.35"),
    ("html", "<td>3</td>", "<td>4</td>"),
    ("html", " K", " mK"),
    ("markdown", "8333.1", "8331.3"),
    ("latex", "8333.1", "8333.2"),
    ("json", "8333.1", "8334.1"),
    ("json", "[1, 2, 3]", "[1, 3, 2]"),
    ("svg", "5.5", "6.5"),
    ("text", "plain", "simple"),
    ("text", "'a plain result'", "None"),
    ("text", "'a plain result'", "1 / 0"),
]

# Printed or shown in a way that has nothing to do with what came out.
HONEST = {
    "clock": "import time, datetime, os, sys, uuid, socket, getpass, tempfile, pathlib\n"
    "t0 = time.time()\nprint(datetime.datetime.now()); print(time.ctime()); print(time.time())",
    "took": "dt = time.time() - t0\nprint(f'took {dt:.3f} s for {500} trains')\n"
    "print('in %.4f s: %d peaks' % (dt, 3)); print('{:.5f} s, {} rows'.format(dt, 12))",
    "bare": "print(time.perf_counter())\nprint(42)",
    "elapsed": "elapsed = time.perf_counter()\nelapsed",
    "stamp": "now = datetime.datetime.now()\nprint('Report of', now.strftime('%d.%m.%Y %H:%M'))",
    "where": "print(os.getcwd()); print(pathlib.Path.cwd() / 'out.csv')",
    "temporary": "print('written to', tempfile.mkdtemp() + '/spectrum.csv')",
    "names": "print(uuid.uuid4(), os.getpid(), socket.gethostname())",
    "object": "object()",
    "function": "print(lambda x: x, type('T', (), {})())",
    "artists": "plt.plot(x, y)",
    "hash": "print(hash('beambook'))",
    "set": "print({'one', 'two', 'three', 'four', 'five'})",
    "sets": "list({'one', 'two', 'three', 'four', 'five'})",
    "set-loop": "for word in {'one', 'two', 'three', 'four'}:\n    print(word, len(word))",
    "joined": "print(', '.join({'one', 'two', 'three', 'four'}))",
    "magic": "%time sum(range(100_000))",
    "timeit": "%timeit -n 2 -r 2 sum(range(1000))",
    "progress": "import sys\nfor i in range(3):\n"
    "    print(f'\\r{i * 50:3d}%|####  | {i}/2 [00:00<00:00, {time.time() % 90:.2f}it/s]', end='')",
    "stderr": "print(time.time(), file=sys.stderr)",
    "html-id": "HTML(f'<table id=\"{uuid.uuid4()}\"><tr><td>4.25</td></tr></table>')",
    "styled": "HTML(f'<style>#T_{uuid.uuid4().hex[:5]} td {{color: red}}</style><b>done</b>')",
    "xarray-html": "xr.Dataset({'a': ('x', [1.0, 2.0])}, attrs={'units': 'eV'})",
    "svg": "from io import StringIO\nfig, ax = plt.subplots(figsize=(2, 2)); ax.plot(x, y)\n"
    "file = StringIO(); fig.savefig(file, format='svg'); plt.close(fig)\nSVG(file.getvalue())",
    "rounding": "print(f'{0.1 + 0.2:.6f}', np.float64(1.0) / 3)",
    "versions": "print('numpy', np.__version__, sys.version)",
    "shell": "!date; hostname",
    "warning": "import warnings; warnings.warn('careful')",
    "glob": "open('b.txt', 'w').close(); open('a.txt', 'w').close()\nprint(os.listdir('.'))",
    "figure": "ax = plt.subplots()[1]; ax.plot(x, y)\n"
    "ax.set_title(f'made {datetime.date.today()}');",
    "frame": "pd.DataFrame({'made': [pd.Timestamp.now()], 'value': [1.5]})",
    "folder": "pd.DataFrame({'file': [os.path.abspath('r0487.h5')], 'value': [1.5]})",
}


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    kernel.run(SETUP)
    yield kernel
    kernel.close()


@pytest.fixture(scope="module")
def reference(kernel):
    return kernel.notebook(CELLS)


def with_cell(notebook, name, source, outputs):
    changed = new_notebook(cells=[cell.copy() for cell in notebook.cells])
    [cell] = [cell for cell in changed.cells if cell.id == name]
    cell.update(source=source, outputs=outputs)
    return changed


def test_the_reference_is_sound(reference):
    errors = [o for c in reference.cells for o in c.outputs if o.output_type == "error"]
    assert not errors
    figures = [c.id for c in reference.cells for o in c.outputs if "image/png" in o.get("data", {})]
    assert len(figures) == 16


@pytest.mark.parametrize("name", CELLS)
def test_the_same_code_again_is_the_same(kernel, reference, name):
    again = with_cell(reference, name, CELLS[name], kernel.run(CELLS[name]))
    assert compare(again, reference).status == "same"


@pytest.mark.parametrize(("name", "old", "new"), MUTATIONS)
def test_a_planted_change_is_found(kernel, reference, name, old, new):
    source = CELLS[name].replace(old, new, 1)
    assert source != CELLS[name]
    outputs = kernel.run(source)
    assert new == "1 / 0" or all(output.output_type != "error" for output in outputs)
    verdict = compare(with_cell(reference, name, source, outputs), reference)
    assert verdict.status == "different"
    [found] = [cell for cell in verdict.cells if cell.status == "different"]
    assert reference.cells[found.number - 1].id == name
    assert found.differences


def test_noise_below_the_tolerance_is_tolerated(kernel, reference):
    noise = "rng = np.random.default_rng(1)\ny = y * (1 + 1e-9 * rng.normal(size=y.size))\n"
    outputs = {}
    for name in ("record", "line", "errorbar", "band", "hist", "scatter", "panels", "xarray"):
        outputs[name] = kernel.run(f"y_ = y\n{noise}{CELLS[name]}")
        kernel.run("y = y_")
    for name, found in outputs.items():
        verdict = compare(with_cell(reference, name, CELLS[name], found), reference)
        assert verdict.status == "within tolerance", f"{name}: {verdict.card().text()}"


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    """The same honest notebook, twice: other hash seeds, folders and times."""
    notebooks = []
    for seed in (1, 2):
        folder = tmp_path_factory.mktemp(f"run-{seed}")
        environment = os.environ | {"PYTHONHASHSEED": str(seed), "TMPDIR": str(folder)}
        kernel = Kernel(cwd=str(folder), env=environment)
        try:
            kernel.run(SETUP)
            notebooks.append(kernel.notebook(HONEST))
        finally:
            kernel.close()
    return notebooks


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("pair", [(0, 1), (1, 0)])
def test_an_honest_execution_raises_no_alarm(honest, pair, name):
    executed, reference = (honest[i] for i in pair)
    verdict = compare(executed, reference)
    number = list(HONEST).index(name) + 1
    for cell in verdict.cells:
        assert cell.number != number or cell.status != "different", cell.line()


def test_honest_text_really_differs(honest):
    changing = [
        a.id
        for a, b in zip(honest[0].cells, honest[1].cells, strict=True)
        if re.sub(r"\s", "", str(a.outputs)) != re.sub(r"\s", "", str(b.outputs))
    ]
    assert len(changing) >= 25, changing
