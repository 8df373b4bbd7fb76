"""Discretised mixture of logistics: a likelihood for 8-bit colours.   Salimans et al., 2017.

A pixel value v in 0..255 (0..31 with n_bits = 5, as NVAE codes large faces) has the mass that a
mixture of logistic densities puts on v - 1/2 to v + 1/2; the two ends also take the tails. Within a
pixel red comes first; the means of green move with red, and those of blue with both. Everything is
in nats, summed over an image, shape (B,).
"""

import math

import torch
import torch.nn.functional as F

STEP = 2 / 255  # of two neighbouring 8-bit values on [-1, 1], the scale of the means


def quantised(x, n_bits):
    """Pictures of values k / 255 with the upper n_bits of each k: values k / (2^n_bits - 1)."""
    return (255 * x).round().div(2 ** (8 - n_bits), rounding_mode="floor") / (2**n_bits - 1)


def n_parameters(channels, n_mixtures):
    """Maps that a decoder returns: weights, means, log-scales, and 3 coefficients for colours."""
    return n_mixtures * (1 + 2 * channels + (3 if channels == 3 else 0))


def nll(x, parameters, n_mixtures, n_bits=8):
    """-log p(x) of pictures x (B, C, H, W) in [0, 1], values k / (2^n_bits - 1); C is 1 or 3,
    shape (B,).

    parameters: (B, n_parameters(C, n_mixtures), H, W). In bits per dimension: / (C H W log 2).
    """
    weight, mean, log_scale, coefficient = _split(parameters, x.shape[1], n_mixtures)
    x = (2 * x - 1)[:, None].expand_as(mean)
    mean = _conditional_means(mean, coefficient, x)
    log_mass = log_interval(x, mean, log_scale, 2 / (2**n_bits - 1))
    log_mass = log_mass.sum(2)  # channels of one component belong together
    return -(log_mass + weight.log_softmax(1)).logsumexp(1).flatten(1).sum(1)


def bits(nats, shape):
    """Nats per image -> bits per dimension, of pictures of this shape (C, H, W)."""
    ### BEGIN ANSWER 8.2
    return nats / (math.prod(shape) * math.log(2))
    ### END ANSWER


def mean(parameters, n_mixtures, channels):
    """The mean of p(x), (B, C, H, W) in [0, 1], but for the tails that 0 and 255 take."""
    weight, mean, _, coefficient = _split(parameters, channels, n_mixtures)
    if coefficient is not None:  # a component's own means, red first
        a, b, c = coefficient.unbind(2)
        red, green, blue = mean.unbind(2)
        green = green + a * red
        mean = torch.stack([red, green, blue + b * red + c * green], 2)
    mixture_mean = (weight.softmax(1)[:, :, None] * mean).sum(1)
    return (mixture_mean.clamp(-1, 1) + 1) / 2


def log_interval(x, mean, log_scale, step=STEP):
    """log of the logistic's mass on [x - step / 2, x + step / 2], with the tails at -1 and 1."""
    inverse = (-log_scale).exp()
    above, below = ((x - mean + s * step / 2) * inverse for s in (1, -1))
    # log(sigmoid(above) - sigmoid(below)), without a difference of two nearly equal numbers; of
    # a very wide logistic the exponential would underflow, and its gradient vanish.
    gap = step * inverse
    log_gap = torch.where(
        gap > 1e-4, torch.log(-torch.expm1(-gap.clamp(min=1e-4))), math.log(step) - log_scale
    )
    middle = F.logsigmoid(above) + F.logsigmoid(-below) + log_gap
    upper = torch.where(x > 1 - step / 2, F.logsigmoid(-below), middle)
    return torch.where(x < -1 + step / 2, F.logsigmoid(above), upper)


def sample(parameters, n_mixtures, channels, temperature=1.0):
    """A sample (B, C, H, W), values k / 255 in [0, 1]; temperature scales the logistics' widths."""
    weight, mean, log_scale, coefficient = _split(parameters, channels, n_mixtures)
    component = torch.distributions.Categorical(logits=weight.movedim(1, -1)).sample()
    index = component[:, None, None].expand(-1, 1, channels, -1, -1)
    mean, log_scale = (t.gather(1, index)[:, 0] for t in (mean, log_scale))
    u = torch.rand_like(mean).clamp(1e-5, 1 - 1e-5)
    noise = temperature * log_scale.exp() * (u.log() - (-u).log1p())
    if channels == 1:
        return _values(mean + noise)
    a, b, c = coefficient.gather(1, index)[:, 0].unbind(1)
    red = _on_grid(mean[:, 0] + noise[:, 0])
    green = _on_grid(mean[:, 1] + a * red + noise[:, 1])
    blue = mean[:, 2] + b * red + c * green + noise[:, 2]
    return _values(torch.stack([red, green, blue], 1))


def _split(parameters, channels, k):
    """Weights (B, k, H, W); means, log-scales (B, k, C, H, W); coefficients (B, k, 3, H, W)."""
    size = k * channels
    sizes = [k, size, size, parameters.shape[1] - k - 2 * size]
    weight, mean, log_scale, coefficient = parameters.split(sizes, 1)
    mean, log_scale, coefficient = (
        t.unflatten(1, (k, -1)) if t.shape[1] else None for t in (mean, log_scale, coefficient)
    )
    log_scale = log_scale.clamp(min=-7)  # narrower than a tenth of a value: nothing to gain
    return weight, mean, log_scale, None if coefficient is None else coefficient.tanh()


def _conditional_means(mean, coefficient, x):
    """The means of green and blue, moved by the channels before them."""
    if coefficient is None:
        return mean
    a, b, c = coefficient.unbind(2)
    red, green, _ = x.unbind(2)
    means = [mean[:, :, 0], mean[:, :, 1] + a * red, mean[:, :, 2] + b * red + c * green]
    return torch.stack(means, 2)


def _on_grid(x):
    """The nearest of the 256 values on [-1, 1]."""
    return ((x.clamp(-1, 1) + 1) / STEP).round() * STEP - 1


def _values(x):
    return (_on_grid(x) + 1) / 2
