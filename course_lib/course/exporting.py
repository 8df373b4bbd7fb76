"""Can an explorer's function be taken out of the notebook, and how large are the numbers in it?

torch.export records what a function of tensors computes. Not every function can be recorded: what
hinders it is said in one line, so that its author finds out in the notebook and not on a page.
"""

import contextlib
import hashlib
import inspect
import io
import logging
import traceback
from typing import NamedTuple

import torch
from torch import nn

from course_lib.course import ranges as of_ranges
from course_lib.course.inspection import DEVICE

BUDGET = 1_500_000  # bytes of one explorer's net, stored as float16 or in 8 bits
ROUNDING = 1e-4  # between the function and what was recorded of it, pixels in [0, 1]


class Exportable(NamedTuple):
    """reason: one line that says why the function cannot be exported, or None. size: bytes of the
    parameters and constants that it uses, each counted once, floats as float16."""

    reason: str | None
    size: int


def exportable(pictures, ranges, view=None):
    """Whether explore(pictures, view=view, **ranges) can be exported: an Exportable."""
    return examined(pictures, of_ranges.described(pictures, ranges, view))[1]


def examined(pictures, about):
    """(what was recorded of a function of described ranges, or None; an Exportable)."""
    program, size = None, 0
    elsewhere = inputs(about, of_ranges.others(about))
    try:
        with torch.no_grad():
            wanted = pictures(**elsewhere)
        program = recorded(pictures, inputs(about, of_ranges.starts(about)))
        size = stored_size(program)
        reason = _refused_in(program) or _too_large(size) or _differs(program, elsewhere, wanted)
    except Exception as error:  # torch raises many kinds, each with pages of text
        return program, Exportable(_in_one_line(pictures, error), size)
    return program, Exportable(reason and f"{pictures.__name__}: {reason}", size)


def inputs(about, values):
    """Values of described ranges as the function takes them."""
    return {name: of_ranges.tensor(about[name], value, DEVICE) for name, value in values.items()}


def recorded(pictures, inputs):
    """The exported program of a function at these inputs.

    Every input is a tensor of its own: torch.export takes two names of one tensor for one input.
    """
    with torch.no_grad(), silent():
        return torch.export.export(_Asked(pictures, list(inputs)), tuple(inputs.values()))


def stored_size(program):
    """Bytes of what a program holds, float16 for floats. A net that is called three times is listed
    three times and counted once: tensors are told apart by their content."""
    tensors = [*program.state_dict.values(), *program.constants.values()]
    kept = {}
    for tensor in tensors:
        if isinstance(tensor, torch.Tensor):
            stored = tensor.detach().half() if tensor.is_floating_point() else tensor.detach()
            content = stored.cpu().contiguous().numpy().tobytes()
            kept[hashlib.sha256(content).digest(), tuple(stored.shape)] = len(content)
    return sum(kept.values())


class _Asked(nn.Module):
    """torch.export takes modules only."""

    def __init__(self, pictures, names):
        super().__init__()
        self.pictures, self.names = pictures, names

    def forward(self, *inputs):
        return self.pictures(**dict(zip(self.names, inputs, strict=True)))


def outputs(made):
    """What a function returned, pictures or (pictures, numbers), as a tuple."""
    return made if isinstance(made, tuple | list) else (made,)


def _refused_in(program):
    """What is wrong with the first operation that a page could not repeat, or None."""
    for node in program.graph.nodes:
        if node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload):
            if reason := _refused(node):
                return reason
    return None


def _refused(node):
    name = node.target._schema.name.removeprefix("aten::")
    if _in_training(node, name):
        return "a net is in training mode; call its eval() first"
    if name.endswith("_"):
        return f"changes a tensor in place ({name}); write z = z + v, not z += v or z[:, k] += v"
    if torch.Tag.nondeterministic_seeded in node.target.tags and "dropout" not in name:
        return f"draws random numbers ({name}); make them outside, once, and index them"
    if name in ("item", "_local_scalar_dense"):
        return "reads a slider as a number (item, float, int); compute with the tensor itself"
    return None


def _in_training(node, name):
    """Whether this is a layer that computes otherwise in training, and does so."""
    place = {"dropout": 2, "feature_dropout": 2, "batch_norm": 5}.get(name)
    named = name == "add_" and "num_batches_tracked" in (node.stack_trace or "")
    return named or (place is not None and node.args[place] is True)


def _too_large(size):
    """8 bits take half of what float16 takes."""
    if size / 2 <= BUDGET:
        return None
    return (
        f"its parameters and constants take {size / 1e6:.1f} MB as float16, {size / 2e6:.1f} MB in "
        f"8 bits; at most {BUDGET / 1e6:.1f} MB can be shown: use a smaller net or shorter tables"
    )


def _differs(program, elsewhere, wanted):
    """The recording must follow every slider: it is compared with the function elsewhere."""
    with torch.no_grad():
        made = program.module()(*elsewhere.values())
    pairs = zip(outputs(made), outputs(wanted), strict=True)
    if all(a.shape == b.shape and (a - b).abs().max() <= ROUNDING for a, b in pairs):
        return None
    return "what was recorded gives other pictures; use its arguments and fixed tensors only"


def _in_one_line(pictures, error):
    """Where in the function, and what to do; torch's own text is pages long."""
    frames = traceback.extract_tb(error.__traceback__)
    file = inspect.unwrap(pictures).__code__.co_filename
    mine = [frame for frame in frames if frame.filename == file]
    line = mine[-1].line.strip() if mine and mine[-1].line else ""
    where = f"{pictures.__name__}{f', line `{line}`' if line else ''}: "
    if type(error).__name__ == "GuardOnDataDependentSymNode":
        return where + (
            "a slider decides an `if`, an int() or a slice; write torch.where, or index a tensor "
            "as in mu[face + torch.arange(4)]"
        )
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return where + f"{type(error).__name__}: {lines[0]}"


@contextlib.contextmanager
def silent():
    """torch logs and prints each refusal with the program so far; one line of ours is enough."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
