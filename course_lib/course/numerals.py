"""Numbers as people read them: what is shown; what is kept stays as it was measured."""

import math
from decimal import Decimal
from numbers import Real
from statistics import median

import pandas


def in_short(value):
    """A value as people read it: 763,232 and 0.04213, a dash for none; text as it is."""
    if value is None or value is pandas.NA or value != value:  # NaN alone differs from itself
        return "–"
    if not _is_number(value):
        return str(value)
    whole = float(value).is_integer()
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def in_column(values):
    """A function that writes each value of a column with the same number of decimals, as many as
    the typical one of them needs for four digits; whole numbers without any."""
    n = _decimals([abs(float(v)) for v in values if _is_number(v) and v == v and v])
    if n is None:
        return in_short
    same = lambda value: f"{round(float(value), n) + 0.0:,.{n}f}"  # + 0.0: no -0.00
    return lambda value: same(value) if _is_number(value) and value == value else in_short(value)


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def _decimals(sizes):
    """How many decimals, or None where they are so many that each number stands better alone."""
    if not sizes:
        return 0
    typical, smallest = (3 - _exponent(size) for size in (median(sizes), min(sizes)))
    # One more than the typical one needs shows what is much smaller, and is still read.
    wanted = min(max(typical, smallest - 2), typical + 1)
    n = max(0, min(wanted, max(map(_used, sizes))))
    return n if n <= 7 else None


def _exponent(size):
    return math.floor(math.log10(size))


def _used(size):
    """The decimals of a number that is rounded to four digits."""
    return max(0, -Decimal(f"{size:.3e}").normalize().as_tuple().exponent)
