"""What a submission is made of: members, runs, options, files and versions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ensemble.chosen import Ensemble
from ensemble.manifest import Manifest, MemberEntry, RunEntry
from ensemble.members import Member
from ensemble.numbers import number
from ensemble.report.names import short_hash
from models.pages import Block, Cell, Facts, Link, Table


def facts(manifest: Manifest) -> Facts:
    """The head of the page."""
    imported = f", {manifest.added} of them imported" if manifest.added else ""
    return Facts(
        [
            ("source", manifest.source),
            ("members", f"{len(manifest.members)}{imported}"),
            ("made", manifest.created[:16].replace("T", " ") + " UTC"),
            ("code", manifest.commit),
            ("recordings", manifest.data),
            ("scored mice", str(len(manifest.mice))),
        ]
    )


def made_of(manifest: Manifest, ensemble: Ensemble) -> list[Block]:
    """Tables of members, their runs and the files; options and versions."""
    left_out = [f"{count} {reason}" for reason, count in manifest.left_out.items()]
    versions = [f"{name} {version}" for name, version in manifest.packages.items()]
    return [
        _members(manifest, ensemble),
        _runs(manifest),
        _files(manifest),
        Facts(
            [
                ("rule", manifest.rule),
                ("left out", ", ".join(left_out) or "no run"),
                ("floor", manifest.floor or "none"),
                ("scored mice", ", ".join(manifest.mice)),
                ("fingerprint of the recordings", manifest.data_fingerprint),
                ("versions", ", ".join(versions)),
            ],
            "Choice and origin",
        ),
        Facts(options(manifest.options), "Options"),
    ]


def options(given: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """What was asked for, name by name; options that hold others come apart."""
    pairs = []
    for name, value in given.items():
        if isinstance(value, Mapping):
            pairs += options(value, f"{prefix}{name}.")
        else:
            pairs.append((f"{prefix}{name}", "-" if value is None else str(value)))
    return pairs


def _members(manifest: Manifest, ensemble: Ensemble) -> Table:
    columns = ("member", "family", "held-out score", "weight", "runs", "confirmed", "configuration")
    rows = [_row(*both) for both in zip(manifest.members, ensemble.members, strict=True)]
    return Table(columns, rows, left=2, words=2, title="Members")


def _row(entry: MemberEntry, member: Member) -> list[str]:
    imported = member.record.imported is not None
    return [
        entry.label,
        member.record.config.network.family,
        number(entry.held_out_score),
        f"{entry.weight:.3f}",
        str(len(entry.runs)),
        "imported" if imported else "yes" if entry.confirmed else "no",
        entry.config_hash,
    ]


def _runs(manifest: Manifest) -> Table:
    rows = [
        [member.label, _folder(run), short_hash(run.weights_sha256)]
        for member in manifest.members
        for run in member.runs
    ]
    columns = ("member", "run folder", "sha256 of its weights")
    return Table(columns, rows, left=3, wide=[1], title="Runs")


def _folder(run: RunEntry) -> Cell:
    folder = Path(run.folder)
    return Link(run.folder, folder.resolve().as_uri()) if folder.is_dir() else run.folder


def _files(manifest: Manifest) -> Table:
    rows = [[each.name, f"{each.bytes:,}", short_hash(each.sha256)] for each in manifest.files]
    return Table(("file", "bytes", "sha256"), rows, words=1, title="Files")
