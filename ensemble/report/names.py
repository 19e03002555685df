"""Short names: of mice, and of what hashes tell apart."""

from collections.abc import Sequence


def short_mice(mice: Sequence[str]) -> dict[str, str]:
    """By mouse, what comes before '-Video-' in its name; the whole names where two would be alike."""
    short = {mouse: mouse.split("-Video-")[0] for mouse in mice}
    return short if len(set(short.values())) == len(short) else {mouse: mouse for mouse in mice}


def short_hash(sha256: str) -> str:
    """Its first twelve digits."""
    return f"{sha256[:12]}..."
