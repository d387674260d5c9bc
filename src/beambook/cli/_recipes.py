"""``beambook recipes`` and ``beambook params``: what can be executed, and with what."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from beambook.card import Table
from beambook.cli._terminal import say, say_json
from beambook.cli._things import all_recipes, find_recipe
from beambook.errors import BeambookError

if TYPE_CHECKING:
    from beambook.parameters import Parameters
    from beambook.recipe import Recipe

__all__ = ["params", "recipes"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def recipes(as_json: bool) -> None:
    """List the recipes that are shipped, and those of the proposal whose folder you are in.

    A recipe is a notebook that takes values; a pipeline executes it on all parts of a run, with a
    step before and one after.
    """
    found = all_recipes()
    kinds = _kinds(found)
    if as_json:
        say_json(
            [
                {"name": r.name, "title": r.title, "author": r.author, "path": r.path, "kind": kind}
                for r, kind in zip(found, kinds, strict=True)
            ]
        )
        return
    rows = tuple((r.name, kind, r.title) for r, kind in zip(found, kinds, strict=True))
    steps_last = tuple(sorted(rows, key=lambda row: row[1] == "step"))
    say(Table(("recipe", "kind", "title"), steps_last).text(rows=len(found)))
    say("\n  → beambook params xas                          what it can be given")
    say("  → beambook run xas proposal=900074 run=487     execute it")


def _kinds(found: Sequence[Recipe]) -> list[str]:
    """What each is: ``pipeline``, ``step`` (executed before or after one), else ``notebook``."""
    from beambook.recipe import Pipeline

    pipelines, steps = set(), set()
    for recipe in found:
        if not recipe.has_pipeline:
            continue
        pipelines.add(recipe.path)
        try:
            pipeline = Pipeline.of(recipe)
        except BeambookError:  # it is said to whom wants to run it
            continue
        steps |= {step.path for step in (pipeline.before, pipeline.after) if step is not None}
    return [
        "pipeline" if r.path in pipelines else "step" if r.path in steps else "notebook"
        for r in found
    ]


@click.command()
@click.argument("notebook")
@click.option("--schema", is_flag=True, help="As a JSON schema.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def params(notebook: str, schema: bool, as_json: bool) -> None:
    """List what NOTEBOOK (a recipe's name or a path) can be given.

    Of a pipeline: what any of its notebooks can be given.
    """
    from beambook.recipe import Pipeline

    recipe = find_recipe(notebook)
    parameters = Pipeline.of(recipe).parameters if recipe.has_pipeline else recipe.parameters
    if schema:
        say_json(parameters.schema())
    elif as_json:
        say_json(json.loads(parameters.card().json()))
    else:
        say(_readable(parameters))


def _readable(parameters: Parameters) -> str:
    """A table; where that is wider than the terminal, each as one would write it, then its help."""
    width = shutil.get_terminal_size().columns
    card = parameters.card()
    text = card.text(rows=len(parameters))
    if max(map(len, text.splitlines())) <= width:
        return text
    lines = [replace(card, tables=()).text(), ""]
    for name, kind, default, unit, limits, about in (each.row for each in parameters):
        value = f", {default}" if default.startswith("required") else default and f" = {default}"
        facts = ", ".join(filter(None, (f"{name}: {kind}{value}", unit and f"in {unit}", limits)))
        lines += [textwrap.fill(facts, width, initial_indent="  ", subsequent_indent="      ")]
        if about:
            indent = "      "
            lines += [textwrap.fill(about, width, initial_indent=indent, subsequent_indent=indent)]
    return "\n".join(lines)
