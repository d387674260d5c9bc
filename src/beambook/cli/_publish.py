"""``beambook publish``: seal notebooks with their software, data and results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beambook.cli._terminal import ProgressLine, say, say_files, say_json, shown
from beambook.cli._things import EXECUTIONS, find_executed
from beambook.errors import ParameterError, PublicationError, RunNotFound

if TYPE_CHECKING:
    from beambook.publication import Publication

__all__ = ["publish"]

ROWS = 50
MEGABYTE = 1_000_000


@click.command()
@click.argument("source")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--into", required=True, type=click.Path(path_type=Path), help="Folder of the publication."
)
@click.option("--zip", "as_zip", is_flag=True, help="One file, INTO.zip, instead of a folder.")
@click.option("--title", help="Else of publication.yml, else of the notebook.")
@click.option("--description", default="", help="What it is about, in a few sentences.")
@click.option("--author", "authors", multiple=True, metavar="NAME [ORCID]", help="Once for each.")
@click.option("--licence", metavar="SPDX", help="Such as CC-BY-4.0, which it is if nobody says.")
@click.option(
    "--data", multiple=True, metavar="DATA", help="DOI, address, 'p900074 r0487', folder or file."
)
@click.option(
    "--environment",
    metavar="FOLDER|PYTHON|none",
    help="Software: a frozen environment, or a Python; else that of the notebooks' executions.",
)
@click.option("--wheels", is_flag=True, help="Carry all wheels: no index is needed to verify.")
@click.option(
    "--most-data",
    type=click.FloatRange(min=0),
    default=1000,
    show_default=True,
    metavar="MB",
    help="Data that is carried in all; a tenth of it in one file.",
)
@click.option("--date", metavar="YYYY-MM-DD", help="Else of the newest execution, or the commit.")
@click.option(
    "--allow", multiple=True, metavar="KIND", help="Let secrets of this kind leave: path, e-mail …"
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def publish(
    source: str,
    values: tuple[str, ...],
    into: Path,
    as_zip: bool,
    authors: tuple[str, ...],
    most_data: float,
    as_json: bool,
    **options: Any,
) -> None:
    """Seal a notebook, a folder of notebooks or an execution, so that others can verify it.

    The notebooks go with their executed outputs, values, code, software, data (small data is
    carried, large data referred to), claims, authors, licence and citation; nothing is executed.
    publication.yml beside the notebooks says what they do not. Tokens, passwords, home folders
    and names of users are looked for before; where any is found, nothing is written.

    \b
      beambook publish paper/ --into edge-of-nickel --zip
      beambook publish fit.ipynb --into fit-sealed --author 'Jane Doe 0000-0002-1825-0097'
      beambook publish newest --into run-487 --allow path
    """
    from beambook.publication import seal
    from beambook.publication._seal.data import Limits
    from beambook.publication._seal.seal import WOULD_LEAK

    path = _found(source)
    limits = Limits(int(most_data / 10 * MEGABYTE), int(most_data * MEGABYTE))
    target = into.with_name(f"{into.name.removesuffix('.zip')}.zip") if as_zip else into
    progress = ProgressLine()
    try:
        made = seal(
            path, target, authors=[_author(each) for each in authors], limits=limits,
            values=_values(path, values), reporter=progress, **options,
        )  # fmt: skip
    except PublicationError as error:
        if error.message.startswith(WOULD_LEAK):
            raise  # exit 1: what was asked for is right, the content is not
        raise click.UsageError(str(error)) from error
    finally:
        progress.close()
    _tell(made, as_json=as_json)


def _found(source: str) -> Path:
    """A path, or the id of an execution."""
    if Path(source).exists():
        return Path(source)
    try:
        return find_executed(source)
    except RunNotFound:
        raise RunNotFound(
            f"No notebook, folder or execution {source!r}",
            hint=f"Executions are looked for in {EXECUTIONS}/",
        ) from None


def _author(text: str) -> dict[str, str]:
    """``Jane Doe 0000-0002-1825-0097``."""
    name, _, last = text.strip().rpartition(" ")
    if last[:1].isdigit() or "orcid.org/" in last:
        return {"name": name, "orcid": last}
    return {"name": text}


def _values(path: Path, words: tuple[str, ...]) -> dict[str, Any]:
    if not words:
        return {}
    if path.suffix != ".ipynb":
        raise ParameterError(
            "Values are given for a single notebook", hint="Declare them in publication.yml"
        )
    from beambook.recipe import Recipe

    return Recipe.find(path).parameters.parse(words)


def _tell(made: Publication, *, as_json: bool) -> None:
    if as_json:
        card = json.loads(made.card().json())
        say_json(card | {"checksum": made.checksum, "path": str(made.origin)})
        return
    say(made.card().text(rows=ROWS))
    say(f"\nChecksum {made.checksum}")
    if made.origin.is_dir():
        say(f"See {shown(made.origin / 'README.md')}")
    say_files([made.origin])
