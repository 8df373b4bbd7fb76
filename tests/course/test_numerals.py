"""Numbers as they are shown: one by one, and in a column of a table."""

import math

import numpy as np
import pandas as pd
import pytest

from course_lib.course import numerals


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (763232, "763,232"),
        (763232.0, "763,232"),
        (0.0421349, "0.04213"),
        (0, "0"),
        (0.0, "0"),
        (-3.0, "-3"),
        (True, "True"),
        ("as it is", "as it is"),
        (None, "–"),
        (math.nan, "–"),
        (pd.NA, "–"),
    ],
)
def test_a_value_as_people_read_it(value, text):
    assert numerals.in_short(value) == text


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([117.058, 119.025, 117.0], ["117.1", "119.0", "117.0"]),
        ([0.98, 0.96357, 1.0], ["0.9800", "0.9636", "1.0000"]),
        ([0.5, 1, 2], ["0.5", "1.0", "2.0"]),
        ([0.95, 0.95, 0.948], ["0.950", "0.950", "0.948"]),
        ([64.0, math.nan, 58.0], ["64", "–", "58"]),
        ([0.0, 0.0], ["0", "0"]),
        ([763232, 1024], ["763,232", "1,024"]),
        ([2.86224, 16.6129, 1274.138], ["2.86", "16.61", "1,274.14"]),
        ([1.56922, 0.000353442, 40.8131], ["1.5692", "0.0004", "40.8131"]),
        ([-0.000001, 0.25, 0.125], ["0.00000", "0.25000", "0.12500"]),
        ([1.234e-10, 5e-10], ["1.234e-10", "5e-10"]),
        (["a", None, 0.25, True], ["a", "–", "0.25", "True"]),
        (np.array([0.5, 0.25], dtype=np.float32), ["0.50", "0.25"]),
    ],
)
def test_a_column_has_as_many_decimals_as_its_typical_value_needs(values, texts):
    write = numerals.in_column(values)
    assert [write(value) for value in values] == texts


def test_a_series_is_a_column_too():
    column = pd.Series([1.5, pd.NA, 2], dtype="Float64")
    assert [numerals.in_column(column)(value) for value in column] == ["1.5", "–", "2.0"]
