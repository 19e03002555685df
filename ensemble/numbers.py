"""Numbers as tables and pages show them; a dash where there is none."""


def number(value: float | None, form: str = "z.4f") -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


def with_error(value: float | None, error: float | None, form: str = "z.4f") -> str:
    """A number with its standard error, where that is known."""
    return number(value, form) + ("" if error is None else f" ± {error:.4f}")
