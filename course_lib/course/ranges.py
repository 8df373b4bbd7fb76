"""What an explorer's function takes: one description for its controls, its kept start and export.

A range is (low, high) of ints or of floats, or a list of choices. Described, it is a dictionary:
  {"kind": "int" or "float", "low", "high", "step", "start"}
  {"kind": "choice", "choices": [...], "start": index}
  {"kind": "area", "height", "width", "start": [top, bottom, left, right]}, pixels
"""

import inspect

import torch

AREA = "mask"  # the parameter that a view="area" draws


def described(function, ranges, view=None, by_index=True):
    """{name: description}. A start is the function's own default if it has one, else the middle of
    the range, the first choice, or the left half of the area.

    by_index: a default among choices is an index; otherwise it is the choice itself.
    """
    known = inspect.signature(function).parameters
    descriptions = {}
    for name, limits in ranges.items():
        if name not in known:
            raise KeyError(f"explore: {function.__name__}() has no parameter '{name}'")
        default = known[name].default
        default = None if default is inspect.Parameter.empty else default
        if view == "area" and name == AREA:
            descriptions[name] = _area(limits, default)
        elif isinstance(limits, list):
            descriptions[name] = _choice(name, limits, default, by_index)
        else:
            descriptions[name] = _between(name, *limits, default)
    return descriptions


def tensor(about, value, device="cpu"):
    """A value of a described range as a fresh tensor: (1,) float32, (1,) int64, or for an area's
    edges the mask (1, 1, H, W), float32, 1 inside."""
    if about["kind"] == "area":
        top, bottom, left, right = value
        mask = torch.zeros(1, 1, about["height"], about["width"], device=device)
        mask[..., top:bottom, left:right] = 1
        return mask
    kind = torch.float32 if about["kind"] == "float" else torch.int64
    return torch.tensor([value], dtype=kind, device=device)


def starts(about):
    """{name: first value} of {name: description}."""
    return {name: one["start"] for name, one in about.items()}


def others(about):
    """{name: another value} of {name: description}, each different from the start."""
    return {name: _other(one) for name, one in about.items()}


def _between(name, low, high, default):
    if not low < high:
        raise ValueError(f"explore: {name} goes from {low} to {high}")
    if isinstance(low, int) and isinstance(high, int):
        start = (low + high) // 2 if default is None else default
        return {"kind": "int", "low": low, "high": high, "step": 1, "start": start}
    start = (low + high) / 2 if default is None else default
    step = (high - low) / 40
    return {"kind": "float", "low": low, "high": high, "step": step, "start": start}


def _choice(name, choices, default, by_index):
    start = 0 if default is None else default if by_index else choices.index(default)
    if start not in range(len(choices)):
        raise ValueError(f"explore: {name} starts at {start!r}; give the index of a choice")
    return {"kind": "choice", "choices": choices, "start": start}


def _area(sides, default):
    height, width = sides
    start = [0, height, 0, width // 2] if default is None else list(default)
    return {"kind": "area", "height": height, "width": width, "start": start}


def _other(about):
    if about["kind"] == "area":
        edges = [0, about["height"] // 2, 0, about["width"]]
        return edges if edges != about["start"] else [0, about["height"], 0, about["width"]]
    if about["kind"] == "choice":
        return (about["start"] + 1) % len(about["choices"])
    return about["high"] if about["start"] != about["high"] else about["low"]
