"""``beambook verify`` and ``beambook rerun``: execute again what was published."""

from __future__ import annotations

import json
from pathlib import Path

import click

from beambook.cli._run import Duration
from beambook.cli._terminal import ProgressLine, say, say_files, say_json, shown
from beambook.cli._things import EXECUTIONS
from beambook.errors import PublicationError

__all__ = ["rerun", "verify"]

CHOICES = ["preserved", "recreated", "newest", "both", "here"]


@click.command()
@click.argument("publication", metavar="PUBLICATION|FOLDER|NOTEBOOK")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the data is that the publication only refers to.",
)
@click.option(
    "--fetch",
    is_flag=True,
    help="Download such data from the addresses that the publication names, and check it.",
)
@click.option(
    "--environment",
    type=click.Choice(CHOICES),
    default="preserved",
    show_default=True,
    help="The software as sealed; the same installed anew; the newest; the first and the newest, "
    "which tells bit-rot from a change of the science; or what beambook runs in.",
)
@click.option(
    "--checksum",
    default="",
    metavar="SHA256",
    help="What the paper says, or how that begins: exit 2 for any other publication.",
)
@click.option("--offline", is_flag=True, help="Use no network to have the software.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=Path("verifications"),
    show_default=True,
    help="Folder of verifications; each gets one of its own in it.",
)
@click.option("--no-sandbox", is_flag=True, help="Execute in a plain folder, which hides nothing.")
@click.option("--time-limit", type=Duration(), help="For each notebook: 90, 10m or 2h.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def verify(
    publication: str,
    data: Path | None,
    fetch: bool,
    environment: str,
    checksum: str,
    offline: bool,
    into: Path,
    no_sandbox: bool,
    time_limit: float | None,
    as_json: bool,
) -> int:
    """Execute what was published again and compare; exit 1 if it does not come out.

    A publication has its reference with it; of a plain folder, a checkout or a notebook the
    stored outputs are the reference, and the software is what its requirement files say.
    Exit 2: the publication was changed since it was sealed, or is refused.

    \b
      beambook verify edge-of-nickel.zip
      beambook verify edge-of-nickel.zip --environment both --data /gpfs/exfel
      beambook verify edge-of-nickel.zip --fetch
      beambook verify somebodys-checkout
    """
    from beambook.publication import verify as verify_publication  # jupyter, only when needed

    progress = ProgressLine()
    try:
        verification = verify_publication(
            publication,
            data=data,
            fetch=fetch,
            environment=environment,
            checksum=checksum,
            into=into,
            offline=offline,
            sandbox=not no_sandbox,
            time_limit=time_limit,
            reporter=progress,
        )
    except PublicationError as error:  # refused: nothing has been executed
        raise click.UsageError(str(error)) from error
    finally:
        progress.close()
    if as_json:
        say_json(json.loads(verification.json()))
    else:
        say(verification.card().text())
        if (page := verification.path / "verdict.html").is_file():
            say(f"\nSee {shown(page)}")
        say_files(verification.files)
    return verification.exit_status


@click.command()
@click.argument("publication")
@click.argument("words", nargs=-1, metavar="[NOTEBOOK] [NAME=VALUE]...")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the data is that the publication only refers to.",
)
@click.option(
    "--fetch",
    is_flag=True,
    help="Download such data from the addresses that the publication names, and check it.",
)
@click.option(
    "--environment",
    type=click.Choice([choice for choice in CHOICES if choice != "both"]),
    default="preserved",
    show_default=True,
    help="The software to execute in.",
)
@click.option("--offline", is_flag=True, help="Use no network to have the software.")
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    default=EXECUTIONS,
    show_default=True,
    help="Folder of executions; each gets a fresh one of its own in it.",
)
@click.option("--no-sandbox", is_flag=True, help="Execute in a plain folder, which hides nothing.")
@click.option("--time-limit", type=Duration(), help="Interrupt the cells after 90, 10m or 2h.")
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def rerun(
    publication: str,
    words: tuple[str, ...],
    data: Path | None,
    fetch: bool,
    environment: str,
    offline: bool,
    into: Path,
    no_sandbox: bool,
    time_limit: float | None,
    as_json: bool,
) -> int:
    """Execute a notebook of PUBLICATION with other values; exit 1 if it fails.

    The execution says which publication it is from. Which NOTEBOOK need only be said where
    there are several.

    \b
      beambook rerun edge-of-nickel.zip bin_width=0.5
      beambook rerun edge-of-nickel.zip fit.ipynb model=arctan
    """
    from beambook.publication import rerun as rerun_publication

    names = [word for word in words if "=" not in word]
    if len(names) > 1:
        raise click.UsageError(f"{names[1]!r} is not NAME=VALUE")
    progress = ProgressLine()
    try:
        execution = rerun_publication(
            publication,
            names[0] if names else None,
            [word for word in words if "=" in word],
            data=data,
            fetch=fetch,
            environment=environment,
            into=into,
            offline=offline,
            sandbox=not no_sandbox,
            time_limit=time_limit,
            reporter=progress,
        )
    except PublicationError as error:  # refused: nothing has been executed
        raise click.UsageError(str(error)) from error
    finally:
        progress.close()
    if as_json:
        say_json(execution.record)
    else:
        say(execution.card().text())
        say_files([execution.notebook_path])
    return 0 if execution.status == "done" else 1
