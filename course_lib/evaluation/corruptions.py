"""Real pictures made worse step by step: what a metric of pictures has to put in order before
anybody believes it. Each function takes and returns pictures (N, C, H, W) in [0, 1].
"""

import torch
import torch.nn.functional as F


def blurred(x, sigma):
    """Gaussian blur; sigma in pixels."""
    from torchvision.transforms.functional import gaussian_blur  # takes seconds, few need it

    return gaussian_blur(x, 2 * round(3 * sigma) + 1, sigma)


def noisy(x, sigma, seed=0):
    """Gaussian noise of standard deviation sigma on [0, 1], then cut to [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    return (x + sigma * torch.randn(x.shape, generator=generator)).clamp(0, 1)


def shuffled(x, side, seed=0):
    """Cut into squares of `side` pixels, which change places, otherwise in each picture."""
    n, _, height, width = x.shape
    squares = F.unfold(x, side, stride=side)
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(n, squares.shape[2], generator=generator).argsort(1)
    squares = squares.gather(2, order[:, None].expand_as(squares))
    return F.fold(squares, (height, width), side, stride=side)


def pulled(x, share):
    """Each picture mixed with the mean picture, of which `share` is in it: at 1 all are alike."""
    return torch.lerp(x, x.mean(0, keepdim=True).expand_as(x), share)


def repeated(x, share):
    """As many pictures, but of the first `share` of them alone, again and again."""
    return x[torch.arange(len(x)) % max(1, round(share * len(x)))]


# kind -> (function, how its strength is named, strengths from the weakest to the strongest)
GRADES = {
    "blur": (blurred, "sigma {:g} pixels", (0.5, 1, 2, 4)),
    "noise": (noisy, "sigma {:g}", (0.05, 0.1, 0.2, 0.4)),
    "shuffled": (shuffled, "squares of {} pixels", (32, 16, 8)),
    "mean picture": (pulled, "{:.0%} of it", (0.25, 0.5, 0.75, 1)),
    "fewer people": (repeated, "{:.0%} of them", (0.5, 0.1, 0.02)),
}
