"""What the copies and the code of one autoencoder are worth: numbers of a training, to be kept."""

from functools import partial

import torch

from course_lib.data.batches import in_batches
from course_lib.evaluation import edits, latents, outlier_scores


@torch.no_grad()
def scores(net, x):
    """Of pictures x, uint8 (N, C, H, W), through their code, of a VAE its mean: {"MSE": on [0, 1],
    "used": how many numbers of the code have a variance above 0.1}."""
    z = in_batches(partial(edits.code, net), x)
    error = in_batches(partial(outlier_scores.score, net), x).mean()
    return {"MSE": float(error), "used": latents.active_units(z, 0.1)}
