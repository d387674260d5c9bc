"""What the documentation says is so."""

import importlib.util
import re
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from beambook.testing import make_proposal

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def generator():
    path = ROOT / "docs" / "reference" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate_reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "errors.md"])
def test_generated_page_is_fresh(page):
    made = generator().PAGES[page]()
    kept = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert kept == made, "stale: run python docs/reference/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(page):
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "page", ["README.md", "docs/tutorial/first-hour.md", "docs/how-to/reduce-a-run.md"]
)
def test_python_on_the_page_runs_after_the_demo(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BEAMBOOK_DATA", "demo/data")
    make_proposal("demo/data", trains=200)
    text = (ROOT / page).read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S):
        exec(compile(block, page, "exec"), names)
    plt.close("all")
    assert "run" in names
