"""From stored bytes to what a step reads: pixels in [0, 1], passes in batches, binary and smaller
pictures.
"""

import torch
import torch.nn.functional as F


def pixels(x):
    """uint8 pictures -> floats in [0, 1], the only pixel scale of the course."""
    return x.float() / 255


class Batches:
    """Passes over tensors that stay where they are; pictures leave as floats in [0, 1].

    Epoch e's order depends on (seed, e) alone, so a run can be taken up anywhere. The last,
    smaller batch is dropped: batch norm and a loss's mean then see one size.
    """

    def __init__(self, *tensors, size, seed=0):
        if len({len(t) for t in tensors}) != 1:
            raise ValueError(f"tensors of different lengths: {[len(t) for t in tensors]}")
        if size < 1 or len(tensors[0]) < 1:
            raise ValueError(
                f"{len(tensors[0])} pictures in batches of {size}: nothing to train on"
            )
        self.tensors, self.size, self.seed = tensors, min(size, len(tensors[0])), seed

    def __len__(self):
        """Batches in an epoch."""
        return len(self.tensors[0]) // self.size

    def epoch(self, epoch, skip=0):
        """Yield the epoch's batches as tuples, leaving out the first `skip`."""
        generator = torch.Generator().manual_seed(1_000_003 * self.seed + epoch)
        order = torch.randperm(len(self.tensors[0]), generator=generator)
        order = order[: len(self) * self.size].to(self.tensors[0].device)
        for i in order.split(self.size)[skip:]:
            # index_select copies whole rows; t[i] would copy bytes one by one.
            rows = (t.index_select(0, i) for t in self.tensors)
            yield tuple(pixels(t) if t.ndim == 4 else t for t in rows)


def binarise(x, seed):
    """Pictures of 0 and 255 only, uint8: each pixel drawn once, 255 with probability x / 255.

    A likelihood is of these pictures: fix the seed, and name it and their digest beside the number.
    """
    generator = torch.Generator().manual_seed(seed)
    return (torch.bernoulli(pixels(x.cpu()), generator=generator) * 255).byte().to(x.device)


def downsample(x, side):
    """uint8 pictures (N, C, S, S), averaged over squares to (N, C, side, side), S a multiple."""
    if x.shape[-1] % side:
        raise ValueError(f"pictures of side {x.shape[-1]} cannot be averaged to side {side}")
    factor = x.shape[-1] // side
    parts = x.split(1000)  # the floats of all of a large set would not fit
    return torch.cat([F.avg_pool2d(p.float(), factor).round().byte() for p in parts])


def in_batches(function, x, size=500):
    """function over pixels(x) in large batches without gradient; the results in one tensor."""
    with torch.no_grad():
        return torch.cat([function(pixels(part)) for part in x.split(size)])
