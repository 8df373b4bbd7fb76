"""What the copies and the code of one autoencoder are worth: numbers of a training, to be kept."""

from functools import partial

import torch

from course_lib.data.batches import in_batches, pixels
from course_lib.evaluation import coverage, edits, faces_found, latents, outlier_scores
from course_lib.models import gaussian


@torch.no_grad()
def scores(net, x):
    """Of pictures x, uint8 (N, C, H, W), through their code, of a VAE its mean: {"MSE": on [0, 1],
    "used": how many numbers of the code have a variance above 0.1}."""
    z = in_batches(partial(edits.code, net), x)
    error = in_batches(partial(outlier_scores.score, net), x).mean()
    return {"MSE": float(error), "used": latents.active_units(z, 0.1)}


@torch.no_grad()
def under_noise(net, x, x_test, a=0.8, n=500):
    """What noise does to codes, of training and test pictures, uint8 (N, C, H, W).

    {"found": of n codes drawn from N(0, I) and decoded, the share in which a face is found;
    "diversity": their coverage.diversity, as a share of that of x_test; "left": with a share a of
    one noise vector in the codes of 200 people, what is left of their squared distances
    (edits.left); "MSE" and "used" as scores(net, x_test) has them}.
    """
    z_train, z = (in_batches(partial(edits.code, net), part) for part in (x, x_test))
    eps = torch.randn(n, z.shape[1], generator=torch.Generator().manual_seed(0)).to(z.device)
    noise = gaussian.moment_matched(z_train, eps[:1])[0]
    blends = [net.decode(edits.blend(z[:200], noise, share)) for share in (0.0, a)]
    left = edits.left(torch.stack(blends))[1].item()
    made = net.decode(eps)
    found = faces_found.share_found(made)[0]
    diversity = coverage.diversity(made) / coverage.diversity(pixels(x_test))
    return scores(net, x_test) | {"found": found, "diversity": diversity, "left": left}
