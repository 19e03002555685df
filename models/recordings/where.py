"""Where recordings are: in a folder, or, packed, at a URI from which every machine fetches them once."""

from pathlib import Path
from typing import Annotated

from pydantic import PlainValidator

from models.remote import Remote, is_uri

Where = Path | str
"""The path of a folder, or the URI of a packed store."""


def where(given: Where) -> Where:
    """What a user, or a file, says: a URI as text, all else as a path.

    Raises UserError for the URI of a place that cannot be reached by any.
    """
    if isinstance(given, str) and is_uri(given):
        return Remote.parse(given).uri
    return Path(given)


def absolute(given: Where) -> Where:
    """The same place for processes that run in other folders."""
    place = where(given)
    return place.resolve() if isinstance(place, Path) else place


def _read(value: object) -> Where:
    if not isinstance(value, Path | str):
        raise ValueError(f"recordings are known by a folder or a URI; found {value!r}")
    return where(value)


Recorded = Annotated[Where, PlainValidator(_read)]
"""The field of a model; JSON has it as text."""
