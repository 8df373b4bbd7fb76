"""What an explorer's function takes: one description for its controls, its kept start and export.

A range is (low, high) of ints or of floats, a list of choices, or (False, True). Described, it is a
dictionary:
  {"kind": "int" or "float", "low", "high", "step", "start"}
  {"kind": "choice", "choices": [...], "start": index}
  {"kind": "tick", "start": False or True}
  {"kind": "area", "height", "width", "start", "examples": [...]}, a start being a rectangle
    [top, bottom, left, right] in pixels, or a drawing: a text a row, 1 where drawn
"""

import inspect

import torch

AREA = "mask"  # the parameter that a view="area" draws
STEPS, FEWER = 40, 20  # of a slider of floats; where each place is a recorded picture


def described(function, ranges, view=None, by_index=True, steps=STEPS):
    """{name: description}. A start is the function's own default if it has one, else the middle of
    the range, the first choice, or the left half of the area.

    by_index: a default among choices is an index; otherwise it is the choice itself. steps: of a
    slider of floats.
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
        elif limits == (False, True) and isinstance(limits[0], bool):
            descriptions[name] = {"kind": "tick", "start": bool(default)}
        elif isinstance(limits, list):
            descriptions[name] = _choice(name, limits, default, by_index)
        else:
            descriptions[name] = _between(name, *limits, default, steps)
    return descriptions


def tensor(about, value, device="cpu"):
    """A value of a described range as a fresh tensor: (1,) float32, int64 or bool, or for an area's
    edges the mask (1, 1, H, W), float32, 1 inside."""
    if about["kind"] == "area":
        if isinstance(value[0], str):
            drawn = [[float(pixel) for pixel in row] for row in value]
            return torch.tensor(drawn, device=device)[None, None]
        top, bottom, left, right = value
        mask = torch.zeros(1, 1, about["height"], about["width"], device=device)
        mask[..., top:bottom, left:right] = 1
        return mask
    kind = {"float": torch.float32, "tick": torch.bool}.get(about["kind"], torch.int64)
    return torch.tensor([value], dtype=kind, device=device)


def starts(about):
    """{name: first value} of {name: description}."""
    return {name: one["start"] for name, one in about.items()}


def others(about):
    """{name: another value} of {name: description}, each different from the start."""
    return {name: _other(one) for name, one in about.items()}


def places(about):
    """All values that a control can be set to, in order; not of an area."""
    if about["kind"] == "choice":
        return list(range(len(about["choices"])))
    if about["kind"] == "tick":
        return [False, True]
    count = round((about["high"] - about["low"]) / about["step"])
    return [about["low"] + k * about["step"] for k in range(count + 1)]


def between(about, k):
    """A value somewhere among the places, another one for every whole number k."""
    if about["kind"] == "area":
        high, wide = about["height"], about["width"]
        return [k % high // 2, high - k % 3, wide // 4, wide - 1 - k % 5]
    values = places(about)
    return values[(7 * k + 3) % len(values)]


def _between(name, low, high, default, steps):
    if not low < high:
        raise ValueError(f"explore: {name} goes from {low} to {high}")
    if isinstance(low, int) and isinstance(high, int):
        start = (low + high) // 2 if default is None else default
        return {"kind": "int", "low": low, "high": high, "step": 1, "start": start}
    start = (low + high) / 2 if default is None else default
    step = (high - low) / steps
    return {"kind": "float", "low": low, "high": high, "step": step, "start": start}


def _choice(name, choices, default, by_index):
    start = 0 if default is None else default if by_index else choices.index(default)
    if start not in range(len(choices)):
        raise ValueError(f"explore: {name} starts at {start!r}; give the index of a choice")
    return {"kind": "choice", "choices": choices, "start": start}


def _area(sides, default):
    """The default: edges, or drawings (K, H, W) of 0 and 1, of which the first is the start."""
    height, width = sides
    examples = []
    if isinstance(default, torch.Tensor):
        drawn = default.reshape(-1, height, width).long().tolist()
        examples = [["".join(map(str, row)) for row in one] for one in drawn]
        default = examples[0]
    start = [0, height, 0, width // 2] if default is None else list(default)
    about = {"kind": "area", "height": height, "width": width}
    return about | {"start": start, "examples": examples}


def _other(about):
    if about["kind"] == "area":
        edges = [0, about["height"] // 2, 0, about["width"]]
        return edges if edges != about["start"] else [0, about["height"], 0, about["width"]]
    if about["kind"] == "choice":
        return (about["start"] + 1) % len(about["choices"])
    if about["kind"] == "tick":
        return not about["start"]
    return about["high"] if about["start"] != about["high"] else about["low"]
