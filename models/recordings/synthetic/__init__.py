"""A brain with a known ceiling: recordings in the competition's layout whose truth is known.

recipe      how many mice, neurons, trials, and the seed
plan        which mouse sees which film in which tier, and when
films       natural films, through moving `windows`; `stimuli` the five other kinds
behaviour   running, pupil and gaze
fields      receptive fields; `neurons` from film and behaviour to expected spikes
calcium     from expected spikes to what is recorded, and its exact expectation
brain       one mouse of all this, with realistic magnitudes
session     one mouse's folder, with the organisers' `statistics`
writer      the whole data set and its truth
seeds       randomness that is addressed by name
"""

from models.recordings.synthetic.recipe import Recipe
from models.recordings.synthetic.writer import write_data_set

__all__ = ["Recipe", "write_data_set"]
