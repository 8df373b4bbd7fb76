"""How many bytes the operations of a step read and write."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Traffic(TorchDispatchMode):
    """In here `moved` counts the bytes of every operation's tensors, read and written ones alike.

    Views move nothing. It is what memory would move if no operation were fused with another and
    nothing stayed in a cache; what is measured can be less.
    """

    def __init__(self):
        super().__init__()
        self.moved = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            given = [] if func._schema.returns else written(func, args)
            leaves = tree_leaves((args, kwargs, result, given))
            self.moved += sum(size(t) for t in leaves if isinstance(t, torch.Tensor))
        return result


def written(func, args):
    """What an operation changes in place, as an optimiser's does, which gives nothing back."""
    marks = [one.alias_info for one in func._schema.arguments]
    return [t for t, mark in zip(args, marks, strict=False) if mark and mark.is_write]


def size(t):
    """Bytes of a tensor; of one that was expanded, those that are there."""
    return min(t.numel() * t.element_size(), t.untyped_storage().nbytes())
