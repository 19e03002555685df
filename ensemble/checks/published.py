"""What the organisers published of the five scored mice: their neurons, and the trials of each tier.

From the recordings' own metadata (SENSORIUM 2023, the five mice whose test responses are withheld).
"""

from models.recordings.layout import NEW_HASH

_TIERS = ("live_test_main", "live_test_bonus", "final_test_main", "final_test_bonus")
_MICE = {
    "29515-10-12": (7863, (56, 58, 57, 134)),
    "29623-4-9": (7908, (53, 57, 56, 131)),
    "29647-19-8": (8202, (60, 58, 59, 120)),
    "29712-5-9": (7939, (60, 80, 60, 120)),
    "29755-2-8": (8122, (60, 60, 60, 119)),
}
NEURONS = {f"dynamic{mouse}-Video-{NEW_HASH}": neurons for mouse, (neurons, _) in _MICE.items()}
"""Of each mouse, by the name of its session folder."""
TRIALS = {
    f"dynamic{mouse}-Video-{NEW_HASH}": dict(zip(_TIERS, trials, strict=True))
    for mouse, (_, trials) in _MICE.items()
}
"""How many of each tier, by the name of the session folder."""
