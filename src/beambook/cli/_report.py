"""``beambook report``: an execution as a document."""

from __future__ import annotations

from pathlib import Path

import click

from beambook.cli._terminal import say_files
from beambook.cli._things import EXECUTIONS, find_performed

__all__ = ["report", "write_reports"]


@click.command()
@click.argument("execution", metavar="ID")
@click.option("--pdf", is_flag=True, help="A PDF beside the HTML, the notebook attached to it.")
@click.option("--code", is_flag=True, help="Show the code, which is hidden by default.")
@click.option("--to", type=click.Path(path_type=Path), help="Folder to write to, else its own.")
@click.option(
    "--from",
    "root",
    type=click.Path(path_type=Path),
    default=EXECUTIONS,
    show_default=True,
    help="Folder of executions.",
)
def report(execution: str, pdf: bool, code: bool, to: Path | None, root: Path) -> None:
    """Make a report of an execution (its id or folder) or of any executed notebook."""
    path = Path(execution)
    if path.suffix == ".ipynb" and not (path.is_dir()):
        say_files(write_reports(path, to or path.parent, stem=path.stem, pdf=pdf, code=code))
        return
    done = find_performed(execution, root=root)
    say_files(write_reports(done.path, to or done.path, pdf=pdf, code=code))


def write_reports(
    source: Path, folder: Path, *, stem: str = "report", pdf: bool, code: bool = False
) -> list[Path]:
    """HTML, and PDF if wanted, of the execution or notebook at `source`."""
    from beambook.recipe import Report  # nbformat takes its time

    folder.mkdir(parents=True, exist_ok=True)
    made = Report(source)
    files = [folder / f"{stem}.html"]
    made.html(files[0], code=code)
    if pdf:
        files.append(folder / f"{stem}.pdf")
        made.pdf(files[1], code=code)
    return files
