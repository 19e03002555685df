"""`python -m ensemble`: from a search to submission files, and what the server would say of them."""

import typer

from ensemble.bench.commands import bench
from ensemble.commands.build import build
from ensemble.commands.copying import copy
from ensemble.commands.files import check, score
from ensemble.commands.report import report

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Average the best models of a search and write the competition's prediction files.",
    epilog="Next: python -m ensemble build NAME --data DATA --out DIR",
)

app.command(epilog="Next: upload the zips; python -m ensemble score DIR --data DATA")(build)
app.command(epilog="Next: upload the zips that pass.")(check)
app.command(epilog="Next: python -m ensemble check PATH --data DATA")(score)
app.command(epilog="Next: open the page in a browser.")(report)
app.command(epilog="Next: upload the zips to the competition.")(copy)
app.add_typer(bench, name="bench")
