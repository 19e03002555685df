"""Ray Tune as a search uses it: our own searcher, scheduler and records; nothing of Ray's is kept."""

import time

from ray import tune
from ray.tune import Callback

from search.callback import RETRIES
from search.recorder import Recorder
from search.scheduler import Scheduler
from search.share import Share
from search.steps import Settings
from search.trainable import SETTINGS, Trainable

MANY = 10**9


def tuner(share: Share, settings: Settings, recorder: Recorder, hooks: Callback) -> tune.Tuner:
    """What trains the recorder's proposals until there are no more."""
    return tune.Tuner(
        tune.with_resources(Trainable, share),
        param_space={SETTINGS: settings.model_dump(mode="json")},
        tune_config=tune.TuneConfig(
            search_alg=recorder.proposer,
            scheduler=Scheduler(recorder.is_weak),
            num_samples=MANY,  # the proposer says when it is enough
            reuse_actors=True,
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            # Ray restores nothing, so that each driver has a folder of its own.
            name=f"{int(time.time() * 1000)}",
            storage_path=str(settings.runs.parent / "ray"),
            # Fit writes its own checkpoints; Ray would save every class trainable at its end.
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            callbacks=[hooks],
            verbose=0,
        ),
    )
