"""A pipeline of toy notebooks that are executed in a blink, and go wrong as they are told."""

from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from beambook.recipe._notebook import write_notebook as atomically

RECORD = """
from IPython.display import publish_display_data
def record(name, value, unit=""):  # as bb.record, which would import all of beambook
    def plain(v):
        if isinstance(v, dict):
            return {"type": "mapping", "items": [[k, plain(each)] for k, each in v.items()]}
        return [plain(each) for each in v] if isinstance(v, list) else v
    kind = "application/vnd.beambook.result+json"
    result = {"version": 1, "name": name, "value": plain(value), "unit": unit, "claim": False}
    publish_display_data({kind: result, "text/plain": f"{name} = {value}"})
"""
PREPARE = """
modules = list(range(4)) if modules == [-1] else modules
if fail == "before":
    raise RuntimeError("no raw data")
if fail.endswith("Error") or fail.endswith("Found"):
    from beambook import errors
    raise getattr(errors, fail)("module 17")
parts = [{"module": m, "_seconds": seconds, "_name": f"TOY{m:02d}"} for m in modules]
record("parts", [] if fail == "nothing" else parts)
record("shared", {"gain": 2.0 * run, "out_folder": "out"})
record("constants", len(modules))
record("problems", ["TOY09 is missing"])
"""
CORRECT = """
import json, os, signal, time
from pathlib import Path
def worker():
    import psutil
    return next(p for p in psutil.Process().parents() if "beambook.recipe._part" in p.cmdline())
def first_time(what):
    flag = Path(flags) / f"{what}-{module}"
    if flag.exists():
        return False
    flag.touch()
    return True
if f"fail-{module}" in fail:
    raise ValueError(f"module {module} is truncated")
if f"once-{module}" in fail and first_time("once"):
    raise ValueError(f"module {module} has a bad day")
if f"worker-{module}" in fail and first_time("worker"):
    worker().kill()
    time.sleep(60)
if f"kernel-{module}" in fail and first_time("kernel"):
    os.kill(os.getpid(), signal.SIGKILL)
if f"hang-{module}" in fail and first_time("hang"):
    time.sleep(60)
out_folder.mkdir(exist_ok=True)
made = out_folder / f"CORR-{module}.json"
made.write_text(json.dumps({"module": module, "value": gain * module}))
record("value", gain * module, "keV")
record("rows", [[module, "a row"]])
"""
PLOT = """
from IPython.display import SVG, display
circle = f'<circle cx="50" cy="50" r="{10 + module}"/>'
display(SVG(f'<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100">{circle}</svg>'))
"""
SUMMARY = """
import json
parts = json.loads((parts_folder / "parts.json").read_text())
if "after" in fail:
    raise RuntimeError("nothing to sum up")
done = [part for part in parts if part["status"] == "done"]
record("total", sum(part["results"]["value"]["value"] for part in done), "keV")
print("not done:", [part["name"] for part in parts if part["status"] != "done"])
"""


def write_toys(folder: Path) -> Path:
    """Write three notebooks and the yml; gives the recipe's path."""
    shared = 'run: int = 1  # number of the run, required\nfail: str = ""  # what goes wrong'
    prepare = f"{shared}\nmodules: list[int] = [-1]\nseconds: float = 1.0"
    correct = (
        f"from pathlib import Path\n{shared}\nmodule: int = 0  # which, 0..15\n"
        'gain: float = 1.0\nout_folder: Path = Path(".")\nflags: str = "."'
    )
    summary = f'from pathlib import Path\n{shared}\nparts_folder: Path = Path(".")'
    write_notebook(folder / "toy-prepare.ipynb", PREPARE, prepare, title="Prepare toys")
    write_notebook(folder / "toy-correct.ipynb", CORRECT, correct, PLOT, title="Correct toys")
    write_notebook(folder / "toy-summary.ipynb", SUMMARY, summary, title="Summary of toys")
    (folder / "toy-correct.yml").write_text("before: toy-prepare\nafter: toy-summary\n")
    return folder / "toy-correct.ipynb"


def write_notebook(path: Path, code: str, parameters: str, *more: str, title: str = "Toy") -> Path:
    """A title, parameters, and code that can ``record``."""
    first = new_code_cell(parameters)
    first.metadata["tags"] = ["parameters"]
    cells = [new_markdown_cell(f"# {title}"), first, new_markdown_cell("## Work")]
    notebook = new_notebook(cells=[*cells, *map(new_code_cell, (RECORD, code, *more))])
    notebook.metadata["beambook"] = {"author": "A. Toymaker"}
    notebook.metadata["kernelspec"] = {
        "name": "python3", "display_name": "Python 3", "language": "python",
    }  # fmt: skip
    atomically(notebook, path)
    return path
