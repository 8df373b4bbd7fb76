"""The pushed multi-level VAE: with all weights at 0 it is the mended one; each addition by hand."""

import pytest
import torch
from conftest import awake
from torch.nn import functional as F

from course_lib.models import gaussian, mlvae, mlvae_extended
from course_lib.training import loop

GROUP = torch.tensor([3, 0, 3, 3, 1, 0, 3, 5])
X = torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(9))


def deep(seed=0):
    torch.manual_seed(seed)
    model = mlvae_extended.Deep(3, 4, hidden=12, shape=(1, 6, 6), n_groups=6)
    return awake(model, 0.3).eval()  # batch norm then treats a picture alike in any batch


def test_with_all_weights_at_zero_it_is_the_mended_loss():
    model = deep()
    torch.manual_seed(1)
    expected = mlvae.loss(model, X, GROUP)
    torch.manual_seed(1)
    result = mlvae_extended.loss(model, X, GROUP, one_shot=0.0, adversary=0.0)
    torch.testing.assert_close(result, expected)


def test_the_terms_add_up():
    terms = mlvae_extended.loss(deep(), X, GROUP)
    assert set(terms) == {"loss", "recon", "style_kl", "class_kl", "adversary"}
    torch.testing.assert_close(terms["loss"], sum(v for k, v in terms.items() if k != "loss"))


@pytest.mark.parametrize("seed", range(10))
def test_a_partner_is_another_picture_of_the_group_where_there_is_one(seed):
    torch.manual_seed(seed)
    group = torch.randint(0, 6, (17,))
    result = mlvae_extended.partner(group)
    assert torch.equal(group[result], group) and len(result.unique()) == 17
    alone = torch.bincount(group, minlength=6)[group] == 1
    assert torch.equal(result == torch.arange(17), alone)


def test_partners_change_from_draw_to_draw():
    group = torch.zeros(30).long()
    assert len({tuple(mlvae_extended.partner(group).tolist()) for _ in range(5)}) == 5


def test_one_shot_decodes_with_the_partners_class_code(monkeypatch):
    model = deep()
    other = torch.tensor([2, 5, 3, 6, 4, 1, 0, 7])
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    monkeypatch.setattr(mlvae_extended, "partner", lambda group: other)
    result = mlvae_extended.loss(model, X, GROUP, one_shot=1.0, adversary=0.0, sigma=0.4)
    (style, _), (mu, _) = model.encode(X)
    expected = gaussian.squared_error(X, model.decode(style, mu[other])).mean() / (2 * 0.4**2)
    torch.testing.assert_close(result["recon"], expected)


def test_the_adversary_learns_and_the_encoder_hides():
    """One term, two directions: the gradient is turned round between adversary and encoder."""
    model = deep()
    term = mlvae_extended.loss(model, X, GROUP, one_shot=0.0, adversary=3.0)["adversary"]
    head, reader = model.heads["style_mu"].weight, model.adversary[0].weight
    result = torch.autograd.grad(term, [head, reader])
    mean = model.encode(X)[0][0]
    plain = torch.autograd.grad(F.cross_entropy(model.adversary(mean), GROUP), [head, reader])
    torch.testing.assert_close(result[0], -3.0 * plain[0])
    torch.testing.assert_close(result[1], plain[1])


def test_the_recipe_trains_and_its_rate_ends_at_zero():
    x, y = (255 * torch.rand(40, 1, 6, 6)).byte(), torch.arange(40) % 4
    step, batches = mlvae_extended.recipe(x, y, epochs=3, hidden=16, batch=20)
    before = [p.clone() for p in step.model.parameters()]
    history = loop.fit(step, batches, 3, progress=False)
    assert history.loss.notna().all() and step.schedule.get_last_lr()[0] < 1e-9
    assert all(not p.equal(q) for p, q in zip(step.model.parameters(), before, strict=True))


def test_a_picture_without_a_group_is_said():
    x = torch.zeros(3, 1, 6, 6).byte()
    with pytest.raises(ValueError, match="picture 1 has group -1"):
        mlvae_extended.recipe(x, torch.tensor([0, -1, 1]))
