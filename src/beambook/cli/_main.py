"""The group of commands, and how every one of them ends."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from beambook import __version__
from beambook.card import Card
from beambook.cli._records import records
from beambook.cli._signals import Ending, unwinding
from beambook.errors import BeambookError, close_names

__all__ = ["main"]

# Name of a command → module that holds it. Imported only when asked for: `--help` stays quick.
COMMANDS = {
    "demo": "_demo",
    "show": "_show",
    "check": "_show",
    "recipes": "_recipes",
    "params": "_recipes",
    "run": "_run",
    "report": "_report",
    "compare": "_compare",
    "test": "_compare",
    "publish": "_publish",
    "verify": "_verify",
    "rerun": "_verify",
    "jobs": "_jobs",
    "log": "_jobs",
    "stop": "_jobs",
    "freeze": "_freeze",
}
HELP = {
    "demo": "Write a facility-format proposal, measure a spectrum on it, report.",
    "show": "Say what a proposal, run, file, notebook or execution is.",
    "check": "Look for missing trains, damaged files, modules that disagree.",
    "recipes": "List the recipes: those shipped, and those of the proposal you are in.",
    "params": "List what a notebook can be given.",
    "run": "Execute a notebook with values, or all notebooks of a folder.",
    "report": "Make a report of an execution: HTML, and PDF with --pdf.",
    "compare": "Compare two executed notebooks, cell by cell.",
    "test": "Execute notebooks and compare with their stored outputs.",
    "publish": "Seal notebooks with their software, data and results, for others to verify.",
    "verify": "Execute what was published again: does it come out?",
    "rerun": "Execute a published notebook with other values.",
    "jobs": "List what runs here or on a cluster, and how it goes.",
    "log": "Print what a task of a job has printed.",
    "stop": "End a job.",
    "freeze": "Write down exactly which software there is, and carry it along.",
}


class Commands(click.Group):
    """Commands that are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module, now that it is needed."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"beambook.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(HELP.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the closest command when there is none of that name."""
        if args and args[0] not in COMMANDS:
            close = close_names(args[0], COMMANDS)
            hint = f"did you mean {' or '.join(close)}?" if close else "see beambook --help"
            raise click.UsageError(f"No command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="beambook")
@click.pass_context
def beambook(ctx: click.Context) -> None:
    """Open a run, execute a recipe on it, read its report."""
    if ctx.invoked_subcommand is None:
        click.echo(here().text())


def here() -> Card:
    """Where you are, and what to try."""
    roots = [r for r in os.environ.get("BEAMBOOK_DATA", "").split(os.pathsep) if r]
    folder = Path("executions")
    executed = [path.relative_to(folder).parts[0] for path in records(folder)]
    facts = {
        "version": __version__,
        "folder": str(Path.cwd()),
        "data": ", ".join(roots) if roots else "$BEAMBOOK_DATA is not set",
        "executions": str(len(executed)) + (" in executions/" if executed else " here"),
    }
    if executed:
        facts["newest"] = executed[-1]
        hints = [f"beambook show {folder / executed[-1]}"]
    else:
        hints = ["beambook demo        a proposal, a spectrum and a report in a minute"]
    if roots:
        hints.append("beambook show 900074 487        what is in this run")
    hints += [
        "beambook recipes     the notebooks that are shipped",
        "beambook --help      all commands",
    ]
    return Card("beambook", "", facts, (), tuple(hints))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit 0 fine, 1 the work failed, 2 a mistake in what was asked.

    A command that was stopped exits as shells say it: 130 after Ctrl-C, 143 after SIGTERM.
    """
    with unwinding() as ending:
        code = _ended(arguments, ending)
    sys.exit(code)


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """A warning is a line for a person, not a line of our source."""
    click.echo(f"beambook: warning: {' '.join(str(message).split())}", err=True)


def _ended(arguments: Sequence[str] | None, ending: Ending) -> int:
    words = list(arguments) if arguments is not None else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", UserWarning)
            warnings.showwarning = _warn
            code = beambook.main(words, prog_name="beambook", standalone_mode=False)
    except click.NoSuchOption as error:
        if error.ctx is None or error.ctx.info_name != "run":
            return _complain(error.format_message(), error.exit_code)
        value = error.option_name.lstrip("-")
        close = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ""
        text = f"No option {error.option_name!r}{close or '.'} A value is written {value}=…"
        return _complain(text, error.exit_code)
    except click.ClickException as error:
        return _complain(error.format_message(), error.exit_code)
    except BeambookError as error:
        return _complain(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt) as stopped:
        return _complain(str(stopped.__cause__ or stopped) or "stopped", ending.code)
    except BrokenPipeError:  # `beambook show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        return _complain(f"{error.strerror or error}{where}", 1)
    return code if isinstance(code, int) else 0


def _complain(text: str, code: int) -> int:
    for line in text.splitlines():  # several mistakes: a line for each
        click.echo(f"beambook: {' '.join(line.split())}", err=True)
    return code
