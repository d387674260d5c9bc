"""How many planted changes of results the comparison finds, and how many false alarms it raises.

    python benchmarks/mutations.py [--python NEW] [--other OLD] [--by-chance N] [--json]

Every cell of `mutants.cells` is executed as it is and with each change of `mutants.planted`
in a kernel of NEW; then compared with references of four kinds: made by beambook or stored
by others (without fingerprints), by the same software or by OLD. A change counts as found when
the cell is "different", as doubted when it is "not comparable", else as missed. Changes by
chance are another digit of any number in any cell: nobody chose them. Then the
cells of `mutants.honest` are executed at several places, by other users, with other hash
seeds, times and numbers of threads: any "different" is a false alarm.
"""

from __future__ import annotations

import argparse
import getpass
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat
from mutants.cells import CELLS
from mutants.cells import SETUP as CELLS_SETUP
from mutants.edits import EDITS
from mutants.honest import HONEST
from mutants.honest import SETUP as HONEST_SETUP
from mutants.kernels import Kernel, placed, without_fingerprints
from mutants.planted import MUTATIONS

from beambook.recipe import compare

PLACES = (
    "",
    "/tmp/a",
    "/home/anna/analysis",
    "/work",
    "/home/max/Beam time/May 26",
    "/gpfs/exfel/exp/FXE/202501/p008000/scratch/anna/x/y",
)
COMPANY = 12  # cells that are compared along, for a printed digit is judged beside others
Outcome = tuple[str, str, str, str]  # kind of reference, cell, change, status


def changed(notebook: Any, name: str, outputs: list[Any]) -> Any:
    """The notebook with other outputs of one cell."""
    made = notebook.copy()
    made.cells = [cell.copy() for cell in notebook.cells]
    next(cell for cell in made.cells if cell.id == name).update(outputs=outputs)
    return made


def status_of(executed: Any, reference: Any, name: str) -> str:
    """Status of one cell, in the company of the first ones."""
    executed, reference = (_short(notebook, name) for notebook in (executed, reference))
    verdict = compare(executed, reference)
    number = next(i for i, cell in enumerate(reference.cells, 1) if cell.id == name)
    found = [cell for cell in verdict.cells if cell.number == number]
    return found[0].status if found else "not comparable"


def _short(notebook: Any, name: str) -> Any:
    made = notebook.copy()
    made.cells = [c for i, c in enumerate(notebook.cells) if i < COMPANY or c.id == name]
    return made


def by_chance(count: int) -> Iterable[tuple[str, str, str, str]]:
    """Cell, what stands there, what stands there then, and the source: one digit is another."""
    chance = random.Random(20261123)
    for _ in range(count):
        name = chance.choice([name for name, source in CELLS.items() if re.search(r"\d", source)])
        source = CELLS[name]
        place = chance.choice([found.start() for found in re.finditer(r"\d", source)])
        digit = chance.choice([d for d in "123456789" if d != source[place]])
        changed_source = source[:place] + digit + source[place + 1 :]
        around = slice(max(0, place - 6), place + 6)
        yield name, source[around], changed_source[around], changed_source


def mutants(kernel: Kernel, count: int) -> Iterable[tuple[str, str, list[Any]]]:
    """Cell, change and outputs of every planted change."""
    chosen = [(n, old, new, CELLS[n].replace(old, new, 1)) for n, old, new in MUTATIONS]
    for name, old, new, source in [*chosen, *by_chance(count)]:
        assert source != CELLS[name], (name, old)
        outputs = kernel.run(source)
        wrong = [o for o in outputs if o.output_type == "error"]
        if wrong and "raise" not in new:
            print(f"not a change but a mistake: {name}: {new}: {wrong[0].evalue}", file=sys.stderr)
            continue
        if _stored(outputs) == _stored(kernel.run(CELLS[name])):
            print(f"nothing changed by it: {name}: {new}", file=sys.stderr)
            continue
        yield name, f"{old} → {new}", outputs


def _stored(outputs: list[Any]) -> str:
    """What is stored of them, but for addresses and names made by chance."""
    text = json.dumps([{**o, "execution_count": 0} for o in outputs])
    return re.sub(r"0x[0-9a-f]+|[0-9a-f-]{32,36}|T_[0-9a-f]{5}|altair-viz-[0-9a-f]+", "", text)


def edited(notebook: Any) -> Iterable[tuple[str, str, list[Any]]]:
    """Cell, change and outputs of every edit by hand."""
    for name, what, edit in EDITS:
        copy = nbformat.from_dict(json.loads(json.dumps(notebook)))
        cell = next(cell for cell in copy.cells if cell.id == name)
        edit(cell)
        assert cell.outputs != next(c for c in notebook.cells if c.id == name).outputs
        yield name, what, cell.outputs


def judge_planted(
    python: str, other: str | None, count: int
) -> tuple[list[Outcome], list[Outcome]]:
    """Outcomes of the planted changes, and of the same cells unchanged."""
    kernel = Kernel(python, CELLS_SETUP)
    executed = kernel.notebook(CELLS)
    changes = [*mutants(kernel, count), *edited(executed)]
    again = kernel.notebook(CELLS)
    kernel.close()
    references = {"same software": executed}
    references["same software, foreign"] = without_fingerprints(executed)
    if other:
        kernel = Kernel(other, CELLS_SETUP)
        references["other software"] = kernel.notebook(CELLS)
        references["other software, foreign"] = without_fingerprints(references["other software"])
        kernel.close()
    planted, plain = [], []
    for kind, reference in references.items():
        for name, what, outputs in changes:
            status = status_of(changed(again, name, outputs), reference, name)
            planted.append((kind, name, what, status))
        verdict = compare(again, reference)
        plain += [(kind, _id(reference, c), c.line(), c.status) for c in verdict.cells]
    return planted, plain


def _id(notebook: Any, cell: Any) -> str:
    return str(notebook.cells[cell.number - 1].id)


def judge_honest(python: str, other: str | None) -> list[Outcome]:
    """Outcomes of honest executions, each compared with each."""
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="an-honest-execution-in-a-folder-") as root:
        pythons = [python, *(other or python for _ in PLACES[1:])]
        books = [
            _honest(Path(root) / f"run-{i}", place, used, i)
            for i, (place, used) in enumerate(zip(PLACES, pythons, strict=True))
        ]
        for i, executed in enumerate(books):
            for j, reference in enumerate(books):
                if i != j:
                    for kind in ("beambook's", "foreign"):
                        outcomes += _alarms(
                            f"{PLACES[i]} vs. {PLACES[j]}, {kind}", executed, reference, kind
                        )
    return outcomes


def _alarms(where: str, executed: Path, reference: Path, kind: str) -> list[Outcome]:
    there: Any = reference
    if kind == "foreign":
        there = reference.parent / "foreign" / "theirs.ipynb"
        there.parent.mkdir(exist_ok=True)
        nbformat.write(without_fingerprints(nbformat.read(reference / "notebook.ipynb", 4)), there)
    names = ["setup", *HONEST]
    verdict = compare(executed, there)
    return [(where, names[c.number - 1], c.line(), c.status) for c in verdict.cells]


def _honest(folder: Path, place: str, python: str, number: int) -> Path:
    """The honest notebook executed at a place; its folder, with a record as of an execution."""
    work = folder / "executions" / "x"
    work.mkdir(parents=True)
    user = ("anna", "jovyan", getpass.getuser())[number % 3]
    home = f"/Users/{user}" if number % 2 else f"/home/{user}"
    env = {"PYTHONHASHSEED": str(number + 1), "USER": user, "LOGNAME": user, "HOME": home}
    env |= {"BB_THREADS": str(1 + 3 * (number % 2)), "TZ": ("UTC", "Europe/Berlin")[number % 2]}
    readable = [str(Path(p).parent.parent) for p in (python, Path(python).resolve())]
    prefix = placed(work, place, readable=tuple(readable)) if place else ()
    kernel = Kernel(python, "", cwd=work, env=env, prefix=prefix)
    notebook = kernel.notebook({"setup": HONEST_SETUP, **HONEST})
    kernel.close()
    nbformat.write(notebook, work / "notebook.ipynb")
    record = {"host": f"node-{work.name}", "user": user, "works_in": "the execution's folder"}
    record |= {"recipe": {"path": f"{place or work}/honest.ipynb"}, "folder": place or str(work)}
    (work / "execution.json").write_text(json.dumps(record))
    return work


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", default=sys.executable, help="executes")
    parser.add_argument("--other", help="other versions of the same libraries: made the reference")
    parser.add_argument("--part", choices=("planted", "honest"))
    parser.add_argument("--by-chance", type=int, default=0, help="changes that nobody chose")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="name what was missed")
    options = parser.parse_args()
    planted, plain, honest = [], [], []
    if options.part != "honest":
        planted, plain = judge_planted(options.python, options.other, options.by_chance)
    if options.part != "planted":
        honest = judge_honest(options.python, options.other)
    if options.json:
        print(json.dumps({"planted": planted, "plain": plain, "honest": honest}, indent=1))
        return
    _print_table(planted, plain, honest)
    if options.verbose:
        _print_names(planted, [*plain, *honest])


def _print_table(planted: list[Outcome], plain: list[Outcome], honest: list[Outcome]) -> None:
    print(f"{'reference':<42}{'changes':>9}{'found':>7}{'doubted':>9}{'missed':>8}")
    for kind in dict.fromkeys(each[0] for each in planted):
        found = Counter(_word(s) for k, _, _, s in planted if k == kind)
        row = [found[word] for word in ("found", "doubted", "missed")]
        print(f"{kind:<42}{found.total():>9}{row[0]:>7}{row[1]:>9}{row[2]:>8}")
    print(f"\n{'executed honestly':<42}{'cells':>9}{'alarms':>7}")
    for label, outcomes in (
        ("planted cells, unchanged", plain),
        ("honest cells, all pairs", honest),
    ):
        print(f"{label:<42}{len(outcomes):>9}{sum(s == 'different' for *_, s in outcomes):>7}")


def _print_names(planted: list[Outcome], executed: list[Outcome]) -> None:
    """What was missed, and every alarm."""
    for kind, name, what, status in planted:
        if status != "different":
            print(f"{_word(status)}: {kind}: {name}: {what}")
    for kind, name, line, status in executed:
        if status == "different":
            print(f"alarm: {kind}: {name}: {line}")


def _word(status: str) -> str:
    return {"different": "found", "not comparable": "doubted"}.get(status, "missed")


if __name__ == "__main__":
    main()
