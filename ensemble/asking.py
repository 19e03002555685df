"""What a user asks an ensemble to be made of, put together from the words of the command line."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ensemble.build import Options
from ensemble.candidates import joined, members_of_runs, members_of_searches, with_imported
from ensemble.chosen import Wanted
from ensemble.manifest import Manifest
from ensemble.members import Candidates
from models.errors import UserError


@dataclass(frozen=True)
class Sources:
    """Where members are to come from."""

    home: Path
    searches: Sequence[str] = ()
    runs: Sequence[Path] = ()
    query: str | None = None
    """MLflow's."""
    added: Sequence[Path] = ()
    """Imported runs."""
    unconfirmed: bool = False

    def candidates(self) -> Candidates:
        """All of them together. Raises UserError where nothing is asked for or a part has no member."""
        parts = []
        if self.searches:
            parts.append(members_of_searches(self.home, self.searches, self.unconfirmed))
        if self.query is not None:
            from ensemble.tracked import members_by_query  # MLflow takes seconds to import

            parts.append(members_by_query(self.home, self.query, self.unconfirmed))
        if self.runs:
            parts.append(members_of_runs(self.runs))
        if not parts and not self.added:
            message = (
                "an ensemble is chosen from searches, run folders or what MLflow finds; found none"
            )
            remedy = (
                "Give a search's name, --run DIR, --query TEXT, or several of them; imported runs are "
                "added with --with."
            )
            raise UserError(message, remedy)
        chosen = parts[0] if parts else None
        for part in parts[1:]:
            assert chosen is not None
            chosen = joined(chosen, part)
        if self.added:
            return with_imported(chosen, self.added)
        assert chosen is not None
        return chosen


def options_of(manifest: Manifest, asked: Options) -> Options:
    """Those that a manifest's files were made with, but for where things lie and what computes."""
    recorded = manifest.options
    return replace(
        asked,
        wanted=Wanted(**recorded["wanted"]),
        mice=tuple(manifest.mice),
        scheme=recorded["scheme"],
        frames=recorded["frames"],
        trial_indices=recorded["trial_indices"],
        dtype=recorded["dtype"],
        mantissa_bits=recorded["mantissa_bits"],
        normalise=recorded["normalise"],
    )


def check_alone(given: Sequence[str]) -> None:
    """UserError where options were given that a manifest says."""
    if given:
        message = f"--manifest says how the files are made; found also {', '.join(given)}"
        raise UserError(message, "Leave these away, or build without --manifest.")
