"""The command line of one model."""

import typer

from models.commands.benches import bench
from models.commands.data import check, download, folds, pack, synth
from models.commands.distilling import distill
from models.commands.importing import import_winner
from models.commands.runs import predict, score, train
from models.commands.uploading import upload

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="One model: its recordings, its training, its predictions, its score.\n\n"
    "Start with generated recordings: python -m models synth data/",
)
RECORDINGS = (check, synth, download, pack, upload, folds)
for command in (*RECORDINGS, train, distill, import_winner, predict, score):
    app.command()(command)
app.add_typer(bench, name="bench")
