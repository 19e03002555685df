"""What a generated data set is made of: a few numbers and one seed."""

from dataclasses import dataclass

from models.errors import ConfigurationError, Problem

LEAST = {
    "mice": 1,
    "neurons": 1,
    "seed": 0,
    "train_trials": 2,
    "videos": 1,
    "repeats": 1,
    "old_mice": 0,
}


@dataclass(frozen=True)
class Recipe:
    """The recipe of a generated data set; the same recipe gives the same bytes on one machine.

    More mice, trials or repeats add to what a smaller recipe of the same seed makes: the mice and
    presentations they share are the same, only the file ids of the trials move.
    Raises ConfigurationError that lists every number out of range.
    """

    mice: int = 3
    """Sessions, one a mouse."""
    neurons: int = 60
    """Neurons of each mouse."""
    seed: int = 0
    """The root of all randomness."""
    train_trials: int = 60
    """Trials of the train tier of each mouse, each with another film."""
    videos: int = 2
    """Distinct films of each repeated tier: oracle, live main, final main, and of each OOD kind."""
    repeats: int = 10
    """How often each of these is shown."""
    old_mice: int = 0
    """How many of the mice, the first ones, look like the competition's five public mice."""

    def __post_init__(self) -> None:
        problems = [
            Problem(name, f"must be {least} or more", str(getattr(self, name)))
            for name, least in LEAST.items()
            if getattr(self, name) < least
        ]
        if self.old_mice > self.mice:
            found = f"{self.old_mice} of {self.mice}"
            problems.append(Problem("old_mice", "must not be more than all mice", found))
        if problems:
            raise ConfigurationError(
                "the recipe of the recordings", problems, "Change these numbers."
            )
