"""Trees of tensors as safetensors files, and the checkpoint of a run under way."""

import json
import os
import time

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file


def write_tree(path, tree):
    """A tree of dicts, lists, numbers and tensors as one safetensors file, replaced atomically."""
    tensors = {}
    outline = json.dumps(_outline(tree, tensors))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    save_file(tensors, part, metadata={"outline": outline})
    os.replace(part, path)


def read_tree(path):
    """What write_tree wrote; tensors on the CPU."""
    with safe_open(path, framework="pt") as file:
        outline = json.loads(file.metadata()["outline"])
        return _fill(outline, file)


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
    """The state of a run under way, one file, replaced whole; saved about every `every` seconds."""

    def __init__(self, folder, source, every=20.0):
        self.path, self.source, self.every = folder / "checkpoint.safetensors", source, every
        self.last, self.cost = time.perf_counter(), 0.0

    def due(self):
        """Never more than a twentieth of the time goes into saving."""
        return time.perf_counter() - self.last > max(self.every, 20 * self.cost)

    def save(self, state):
        begun = time.perf_counter()
        try:
            write_tree(self.path, state | {"source": self.source})
        except (OSError, SafetensorError) as error:
            print(f"checkpoint not written ({error}); training goes on, the last one stays")
        self.last = time.perf_counter()
        self.cost = self.last - begun

    def load(self):
        """The last saved state, or None; a damaged or stale one is said and put away."""
        if not self.path.is_file():
            return None
        try:
            state = read_tree(self.path)
            if state["source"] != self.source:
                raise ValueError("the source of its family changed since")
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            print(f"{self.path.parent.name}: checkpoint not used ({error}); training starts anew")
            self.path.unlink(missing_ok=True)
            return None
        print(
            f"{self.path.parent.name}: taken up at epoch {state['epoch'] + 1}, "
            f"batch {state['index'] + 1}"
        )
        return state
