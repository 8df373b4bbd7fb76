"""The words that every measurement and every answer use, once, for the library and the report."""

PROTOCOL = ("data", "sha256", "split", "n", "scale", "unit", "seed", "budget", "device", "seconds")
VERDICTS = ("reproduced", "beaten", "refuted", "not comparable", "no claim", "open")
