"""Where the driver keeps its study: read from memory, written to SQLite as well.

A search has one driver, so that nothing in the database is news to it; Optuna, which cannot know that,
asks the database many times a proposal. And SQLite waits for the disk after each write: those that
belong together are one transaction.
"""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import InMemoryStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.study_rows import Rows


class StudyStorage(InMemoryStorage):
    """One study, in a database that nobody else writes to at the same time."""

    def __init__(self, path: Path, name: str) -> None:
        """The database file is made if it is not there; `name` is the study's."""
        super().__init__()
        self.database = RDBStorage(f"sqlite:///{path}")
        self._stored: dict[int, int] = {}
        """Trials' ids in the database by those in memory."""
        self._rows: Rows | None = None
        """What is written at the end of a transaction; None outside one."""
        known = {study.study_name: study._study_id for study in self.database.get_all_studies()}
        if name in known:
            self._load(name, known[name])

    def _load(self, name: str, study_id: int) -> None:
        self._study = study_id
        here = super().create_new_study(self.database.get_study_directions(study_id), name)
        for key, value in self.database.get_study_user_attrs(study_id).items():
            super().set_study_user_attr(here, key, value)
        for key, value in self.database.get_study_system_attrs(study_id).items():
            super().set_study_system_attr(here, key, value)
        for trial in self.database.get_all_trials(study_id, deepcopy=False):
            self._stored[super().create_new_trial(here, trial)] = trial._trial_id

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Within it, what is written is committed at the end, all or nothing.

        Readers of the database see nothing of it before. Within another one it does nothing.
        """
        sessions = self.database.scoped_session
        if self._rows is not None:
            yield
            return
        with self.database.engine.begin() as connection:
            sessions.remove()
            # Optuna's own commits then only end its sessions: SQLAlchemy's way to join a transaction.
            sessions.configure(bind=connection, join_transaction_mode="rollback_only")
            self._rows = rows = Rows()
            try:
                yield
                rows.write(connection)
            finally:
                self._rows = None
                sessions.remove()
                sessions.configure(bind=self.database.engine)

    def create_new_study(
        self, directions: Sequence[StudyDirection], study_name: str | None = None
    ) -> int:
        """Begin the study. Raises DuplicatedStudyError where it is there."""
        here = super().create_new_study(directions, study_name)
        self._study = self.database.create_new_study(directions, study_name)
        return here

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Store an attribute of the study."""
        self.database.set_study_user_attr(self._study, key, value)
        super().set_study_user_attr(study_id, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Store an attribute that Optuna gives the study."""
        self.database.set_study_system_attr(self._study, key, value)
        super().set_study_system_attr(study_id, key, value)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Begin a trial, or add one."""
        stored = self.database.create_new_trial(self._study, template_trial)
        here = super().create_new_trial(study_id, template_trial)
        self._stored[here] = stored
        return here

    def set_trial_param(
        self,
        trial_id: int,
        param_name: str,
        param_value_internal: float,
        distribution: BaseDistribution,
    ) -> None:
        """Store the value of a parameter."""
        stored = self._stored[trial_id]
        if self._rows is not None:
            self._rows.add_param(stored, param_name, param_value_internal, distribution)
        else:
            self.database.set_trial_param(stored, param_name, param_value_internal, distribution)
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Store how a trial stands; whether that changed."""
        self.database.set_trial_state_values(self._stored[trial_id], state, values)
        return super().set_trial_state_values(trial_id, state, values)

    def set_trial_intermediate_value(
        self, trial_id: int, step: int, intermediate_value: float
    ) -> None:
        """Store the score after an epoch."""
        stored = self._stored[trial_id]
        if self._rows is not None:
            self._rows.add_report(stored, step, intermediate_value)
        else:
            self.database.set_trial_intermediate_value(stored, step, intermediate_value)
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store an attribute of a trial."""
        if self._rows is not None:
            self._rows.add_attribute(self._stored[trial_id], key, value)
        else:
            self.database.set_trial_user_attr(self._stored[trial_id], key, value)
        super().set_trial_user_attr(trial_id, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Store an attribute that Optuna gives a trial."""
        self.database.set_trial_system_attr(self._stored[trial_id], key, value)
        super().set_trial_system_attr(trial_id, key, value)


@contextlib.contextmanager
def one_transaction(study: optuna.Study) -> Iterator[None]:
    """`StudyStorage.together` of a study that has one; for others it does nothing."""
    storage = study._storage
    with storage.together() if isinstance(storage, StudyStorage) else contextlib.nullcontext():
        yield
