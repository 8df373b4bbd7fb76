"""The source's GAN: its nets meet at the pictures' size, and its kernels overlap as counted."""

import pytest
import torch

from course_lib.models import gan_baseline


@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("kernels", [(9, 5), (8, 4)])
@pytest.mark.parametrize("low", [-1, 0])
def test_the_branches_meet_at_the_pictures_size(side, kernels, low):
    model = gan_baseline.Branches(6, 4, side, kernels=kernels, low=low)
    x = model(torch.randn(3, 6), torch.zeros(3, 0))
    assert x.shape == (3, 3, side, side) and 0 <= x.min() and x.max() <= 1
    assert gan_baseline.Discriminator(4, side, low=low)(x).score.shape == (3,)


@pytest.mark.parametrize("low", [-1, 0])
def test_both_players_of_the_seed_use_the_scale_that_low_says(low):
    model, discriminator = (
        gan_baseline.Branches(6, 4, 32, low=low),
        gan_baseline.Discriminator(4, 32, low=low),
    )
    seen = []
    discriminator.net.register_forward_pre_hook(lambda net, args: seen.append(args[0]))
    discriminator(torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 3, 32, 32))
    assert [float(t[0, 0, 0]) for t in seen[0]] == [low, (1 + low) / 2, 1]
    h = []
    model.last.register_forward_hook(lambda net, args, out: h.append(out))
    x = model(torch.randn(3, 6), torch.zeros(3, 0))
    torch.testing.assert_close(x, (2 * h[0]).sigmoid() if low == -1 else h[0].sigmoid())


@pytest.mark.parametrize("kernels", [(9, 5), (8, 4)])
def test_overlap_counts_the_taps(kernels):
    side, result = 32, gan_baseline.overlap(kernels, 32)
    expected = torch.zeros(side, side)
    for kernel, stride in zip(kernels, (4, 2), strict=True):
        line, margin = torch.zeros(side), (kernel - stride + 1) // 2
        for i in range(side // stride):
            for tap in range(kernel):
                if 0 <= i * stride - margin + tap < side:
                    line[i * stride - margin + tap] += 1
        expected += line[:, None] * line[None] / kernel**2
    torch.testing.assert_close(result, expected)
    inner = result[8:24, 8:24]
    assert (inner.max() - inner.min() < 1e-5) == (kernels == (8, 4))


@pytest.mark.parametrize("branch", ["one_step", "two_steps"])
def test_both_branches_paint(branch):
    model, z = gan_baseline.Branches(6, 4, 32).eval(), torch.randn(2, 6)
    before = model(z, torch.zeros(2, 0))
    getattr(model, branch)[0].weight.data *= 2
    assert not torch.equal(model(z, torch.zeros(2, 0)), before)
