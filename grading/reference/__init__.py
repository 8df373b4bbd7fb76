"""Each task's functions once more, by another route: torch.distributions, scipy, loops, in float64.

These files never enter the sandbox, and never a release. A file a notebook; MISTAKES holds what a
typical slip would give, {function: {what went wrong: the function with the slip}}.
"""
