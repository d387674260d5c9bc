"""Recipes: found, described, never executed by being looked at."""

import json
import subprocess
import sys

import pytest

from beambook.errors import NotebookError, RecipeNotFound, RunNotFound
from beambook.recipe import Recipe, Report, compare
from beambook.recipe._notebook import write_atomically
from beambook.recipe._plan import preload_for


def test_title_author_theory_outputs(make_notebook):
    declared = {"author": "A. Person", "outputs": ["a.csv"], "keywords": ["xas", "nickel"]}
    path = make_notebook(
        "Text.\n\n```python\n# no heading\n```\n\n## Absorption of *nickel* ##\n\nBeer, Lambert.",
        "md:later",
        beambook=declared,
    )
    document = json.loads(path.read_text())
    document["cells"][0]["cell_type"] = "markdown"
    path.write_text(json.dumps(document))
    recipe = Recipe.find(path)
    assert recipe.name == "sample"
    assert recipe.title == "Absorption of *nickel*"
    assert recipe.author == "A. Person"
    assert recipe.outputs == ("a.csv",)
    assert recipe.keywords == ("xas", "nickel")
    assert recipe.theory == "Text.\n\n```python\n# no heading\n```\n\n\n\nBeer, Lambert.\n\nlater"


def test_what_is_not_declared_has_a_plain_default(make_notebook):
    recipe = Recipe.find(make_notebook("a = 1", name="no-title"))
    assert (recipe.title, recipe.author, recipe.outputs) == ("no-title", "", ())
    assert (recipe.theory, recipe.language, recipe.kernel_name) == ("", "python", "")


@pytest.mark.parametrize(
    "metadata",
    [
        {"beambook": "text"},
        {"beambook": {"author": 3, "outputs": 5, "keywords": None}},
        {"kernelspec": [], "language_info": 7, "authors": "me"},
    ],
)
def test_strange_metadata_is_no_obstacle(make_notebook, metadata):
    path = make_notebook("a = 1")
    document = json.loads(path.read_text())
    document["metadata"] = metadata
    path.write_text(json.dumps(document))
    recipe = Recipe.find(path)
    assert recipe.author == ""
    assert recipe.outputs == ()
    assert recipe.language == "python"
    assert recipe.card().text().startswith("Recipe sample")


def test_authors_as_jupyter_writes_them(make_notebook):
    path = make_notebook("a = 1", authors=[{"name": "A"}, {"name": "B"}])
    assert Recipe.find(path).author == "A, B"


def test_card_has_the_parameters(make_notebook):
    path = make_notebook("md:# Title", "run: int = 9  # number of the run")
    card = Recipe.find(path).card()
    assert len(card.facts) <= 8
    assert "number of the run" in card.text()
    assert "Title" in card.html()


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"a": 1}', "\x00\xff"])
def test_file_that_is_no_notebook(tmp_path, content):
    path = tmp_path / "x.ipynb"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(NotebookError, match="is not a Jupyter notebook"):
        Recipe.find(path)


def test_name_that_is_not_there(tmp_path):
    with pytest.raises(RecipeNotFound, match="No recipe"):
        Recipe.find("no-such-recipe-at-all")
    with pytest.raises(RecipeNotFound, match="folder"):
        Recipe.find(tmp_path)


def test_shipped_recipes_are_found_by_name_and_misspelling_is_helped():
    for recipe in Recipe.all():
        assert Recipe.find(recipe.name) == recipe
        with pytest.raises(RecipeNotFound, match=recipe.name):
            Recipe.find(recipe.name + "z")


def test_notebook_of_format_3(tmp_path):
    cells = [{"cell_type": "markdown", "source": ["# Old\n", "text"], "metadata": {}}]
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps(old))
    assert Recipe.find(path).title == "Old"
    assert Recipe.find(path).notebook().nbformat == 4


def test_listing_imports_nothing_heavy(make_notebook):
    path = make_notebook("md:# T", "a = 1")
    code = (
        "import sys, beambook.recipe\n"
        "heavy = {'nbclient', 'IPython', 'jupyter_client', 'zmq'}\n"
        "assert not (heavy | {'nbformat'}) & set(sys.modules)\n"
        f"from beambook.recipe import Recipe\nRecipe.all(); Recipe.find({str(path)!r}).title\n"
        "print(*heavy & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_looking_executes_nothing(make_notebook, tmp_path):
    path = make_notebook("md:# T", f"a: int = open({str(tmp_path / 'spy')!r}, 'w').write('x')")
    recipe = Recipe.find(path)
    recipe.card().html()
    assert not (tmp_path / "spy").exists()


def test_notebook_that_has_gone(make_notebook):
    path = make_notebook("a = 1")
    recipe = Recipe.find(path)
    path.unlink()
    with pytest.raises(RunNotFound):
        recipe.notebook()


@pytest.mark.parametrize(
    ("source", "first"),
    [
        ("import numpy as np", ("numpy",)),
        ("from scipy.optimize import curve_fit", ("scipy", "scipy.optimize")),
        ("import os, sys", ()),
        ("def f():\n    import h5py, yaml", ("h5py", "yaml")),
        ("# import numpy", ()),
        ("%matplotlib inline", ("matplotlib", "matplotlib.pyplot")),
        ("import beambook as bb", ("numpy", "scipy", "h5py", "pandas", "xarray")),
        ("import numpyx", ()),
    ],
)
def test_what_is_imported_before_the_fork(source, first):
    assert preload_for(source)[: len(first)] == first
    assert first or not preload_for(source)


def test_parts_that_are_missing_or_from_a_later_format(tmp_path):
    cells = [
        {"id": "a", "cell_type": "markdown", "metadata": {}},
        {"id": "b", "cell_type": "future cell", "metadata": {}, "source": ["# a ", "plot"]},
        {
            "id": "c",
            "cell_type": "code",
            "metadata": {},
            "execution_count": 1,
            "source": ["1"],
            "outputs": [
                {"output_type": "future output", "some key": ["some data"]},
                {"output_type": "display_data"},
                {"output_type": "stream"},
            ],
        },
    ]
    metadata = {"kernelspec": "bad", "language_info": ["bad"]}
    path = tmp_path / "later.ipynb"
    document = {"nbformat": 4, "nbformat_minor": 99, "metadata": metadata, "cells": cells}
    path.write_text(json.dumps(document))
    notebook = Recipe.find(path).notebook()
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "raw", "code"]
    assert notebook.cells[1].source == "# a plot"
    assert notebook.metadata == {"kernelspec": {}, "language_info": {}}
    page = Report(path).html(tmp_path / "later.html").read_text()
    assert "some data" in page
    assert compare(path, path).status == "same"


def test_cells_without_an_id_or_with_the_same_one(tmp_path):
    cell = {"cell_type": "markdown", "metadata": {}, "source": "a"}
    for cells in ([cell], [{**cell, "id": "x"}] * 2):
        path = tmp_path / "ids.ipynb"
        document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
        path.write_text(json.dumps(document))
        ids = [each.id for each in Recipe.find(path).notebook().cells]  # warnings are errors here
        assert len(set(ids)) == len(cells)


def test_a_name_as_long_as_a_name_may_be_can_be_written(tmp_path):
    path = tmp_path / f"{'n' * 249}.ipynb"
    write_atomically(path, b"{}")
    assert [each.name for each in tmp_path.iterdir()] == [path.name]
