"""The names of devices, as people read them."""

import re

NAME = re.compile(r"\bcpu \((\d+) threads\)")


def in_words(text):
    """The text with "CPU, 1 thread" where a record's name of a device stands, "cpu (1 threads)"."""
    return NAME.sub(lambda name: f"CPU, {name[1]} thread{'s' * (name[1] != '1')}", text)
