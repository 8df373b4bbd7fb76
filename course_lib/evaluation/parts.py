"""A function of many pictures, part by part. (For pictures as they are stored: data.in_batches.)"""

import torch


@torch.no_grad()
def in_parts(function, x, size=250):
    """function over x (N, ...) in parts that fit everywhere, without gradient; the results in one
    tensor."""
    return torch.cat([function(part) for part in x.split(size)])
