"""Files that are whole or not there: written beside their place, then moved in one step."""

import hashlib
import io
import json
import os

import numpy as np
import torch
from safetensors import safe_open
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


def write_text(path, text):
    """Write a text file in one piece: a reader sees the old one or the new one."""
    write_bytes(path, text.encode())


def write_bytes(path, content):
    """Write a file in one piece: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(content)
    os.replace(part, path)


def npy(tensor):
    """The bytes of a .npy file that holds the tensor."""
    file = io.BytesIO()
    np.save(file, tensor.cpu().numpy())
    return file.getvalue()


def file_digest(path):
    """sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
