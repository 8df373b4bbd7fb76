"""Trees of tensors as safetensors files, and the checkpoint of a run under way."""

import json
import time

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from course_lib.atomic import replacing


class Damaged(ValueError):
    """A file that is there, can be read, and is not what was written."""


def write_tree(path, tree):
    """A tree of dicts, lists, numbers and tensors as one safetensors file, replaced atomically."""
    tensors = {}
    outline = json.dumps(_outline(tree, tensors))
    with replacing(path) as part:
        try:
            open(part, "xb").close()
            mode = part.stat().st_mode  # of the user's umask; safetensors makes its file private
            save_file(tensors, part, metadata={"outline": outline})
            part.chmod(mode)
        except SafetensorError as error:  # it wraps what the system says
            raise OSError(28 if "os error 28" in str(error) else 5, str(error), str(path)) from None


def read_tree(path):
    """What write_tree wrote; tensors on the CPU. Damaged where it is not, OSError as ever."""
    open(path, "rb").close()  # a missing or forbidden file is an OSError, never Damaged
    try:
        with safe_open(path, framework="pt") as file:
            return _fill(json.loads(file.metadata()["outline"]), file)
    except (SafetensorError, TypeError, KeyError, ValueError) as error:
        raise Damaged(f"{path.name} is damaged or of another program ({error})") from None


def _outline(node, tensors):
    """JSON for the tree with tensors moved out; dicts become pairs, which keep integer keys."""
    if isinstance(node, torch.Tensor):
        name = f"t{len(tensors)}"
        tensors[name] = node.detach().cpu().clone().contiguous()
        return {"tensor": name}
    if isinstance(node, dict):
        return {"dict": [[key, _outline(value, tensors)] for key, value in node.items()]}
    if isinstance(node, list | tuple):
        return {"list": [_outline(value, tensors) for value in node]}
    return node


def _fill(node, file):
    if not isinstance(node, dict):
        return node
    if "tensor" in node:
        return file.get_tensor(node["tensor"])
    if "dict" in node:
        return {key: _fill(value, file) for key, value in node["dict"]}
    return [_fill(value, file) for value in node["list"]]


class Checkpoint:
    """The state of a run under way, one file, replaced whole; saved about every `every` seconds.

    mark: what tells the code that began this run (any tree). fits(mark) is asked of a saved mark
    before the checkpoint is taken up; it returns None, or why the code that goes on does not fit.
    """

    def __init__(self, folder, mark, fits, every=20.0):
        self.path, self.mark, self.fits = folder / "checkpoint.safetensors", mark, fits
        self.every, self.last, self.cost = every, time.perf_counter(), 0.0

    def due(self):
        """Never more than a twentieth of the time goes into saving."""
        return time.perf_counter() - self.last > max(self.every, 20 * self.cost)

    def save(self, state):
        """Write the state; where that fails, say so: training goes on without."""
        begun = time.perf_counter()
        try:
            write_tree(self.path, state | {"mark": self.mark})
        except OSError as error:
            print(f"checkpoint not written ({error}); training goes on, the last one stays")
        self.last = time.perf_counter()
        self.cost = self.last - begun

    def load(self):
        """The last saved state, or None; a damaged or stale one is said and put away."""
        if not self.path.is_file():
            return None
        try:
            state = read_tree(self.path)
            misfit = self.fits(state.get("mark", {}))
        except Damaged as error:
            state, misfit = None, str(error)
        if misfit:
            print(f"{self.path.parent.name}: checkpoint not used ({misfit}); training starts anew")
            self.path.unlink(missing_ok=True)
            return None
        print(
            f"{self.path.parent.name}: taken up at epoch {state['epoch'] + 1}, "
            f"batch {state['index'] + 1}"
        )
        return state
