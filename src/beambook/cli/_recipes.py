"""``beambook recipes`` and ``beambook params``: what can be executed, and with what."""

from __future__ import annotations

import json

import click

from beambook.card import Table
from beambook.cli._terminal import say, say_json
from beambook.cli._things import all_recipes, find_recipe

__all__ = ["params", "recipes"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def recipes(as_json: bool) -> None:
    """List the recipes that are shipped, and those of the proposal whose folder you are in."""
    found = all_recipes()
    if as_json:
        say_json(
            [{"name": r.name, "title": r.title, "author": r.author, "path": r.path} for r in found]
        )
        return
    say(Table(("recipe", "title"), tuple((r.name, r.title) for r in found)).text(rows=len(found)))
    say("\n  → beambook params xas                          what it can be given")
    say("  → beambook run xas proposal=900074 run=487     execute it")


@click.command()
@click.argument("notebook")
@click.option("--schema", is_flag=True, help="As a JSON schema.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def params(notebook: str, schema: bool, as_json: bool) -> None:
    """List what NOTEBOOK (a recipe's name or a path) can be given."""
    parameters = find_recipe(notebook).parameters
    if schema:
        say_json(parameters.schema())
    elif as_json:
        say_json(json.loads(parameters.card().json()))
    else:
        say(parameters.card().text(rows=len(parameters)))
