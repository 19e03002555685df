"""What the three command lines share: one way to print, one way to fail."""

import sys

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from models.errors import UserError

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

USER_MISTAKE = 2
WIDE = 1000
"""Characters in a line; wider than any table of mice."""


def run(app: typer.Typer, program: str) -> None:
    """Run a command line; a user's mistake is printed without a traceback and exits with 2."""
    try:
        app(prog_name=program)
    except UserError as error:
        err.print(f"[bold red]error:[/] {escape(error.message)}")
        if error.remedy:
            err.print(f"[bold]next:[/]  {escape(error.remedy)}")
        sys.exit(USER_MISTAKE)
    except KeyboardInterrupt:
        err.print("stopped")
        sys.exit(130)


def uncut(made: Table) -> Table:
    """The table as wide as it has to be: names are never cut."""
    made.width = Console(width=WIDE).measure(made).maximum
    return made


def table(title: str, *columns: str, left: int = 1) -> Table:
    """An empty table whose first `left` columns hold words and the others numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index < left else "right", no_wrap=index >= left)
    return made
