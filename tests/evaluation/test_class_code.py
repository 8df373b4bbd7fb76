"""The audit flags the source's training and passes the mended one; every measure by a known
case."""

import copy
import math
from functools import partial

import pytest
import torch
from conftest import awake
from torch import nn
from torch.distributions import Normal, kl_divergence

from course_lib import data
from course_lib.evaluation import class_code, judge
from course_lib.models import gaussian, mlvae
from course_lib.training import loop
from course_lib.training.steps import LossStep, adam

# ---- whole trainings on the digits --------------------------------------------------------------


def digits(split="train"):
    return data.load("mnist", split, {"train": 2560, "test": 400}[split])[:2]


def trained(step, batches, epochs):
    loop.fit(step, batches, epochs, progress=False)
    return step


def paid_a_picture(x, y):
    """The source's loss at std 1 with the gradient let through, in a net that is quick to train."""
    model = mlvae.MLVAE(hidden=128)
    loss = partial(mlvae.loss, paid="picture")
    step = LossStep(model, loss, adam(model, 4e-3))
    return step, data.Batches(x, y, size=64)


@pytest.fixture(scope="module")
def steps():
    """The three trainings: the mended, the source's, and the source's with the gradient let
    through."""
    torch.manual_seed(0)
    return {
        "mended": trained(*mlvae.recipe(*digits(), hidden=256, lr=3e-3, batch=64), 15),
        "the source's": trained(
            *mlvae.recipe(*digits(), std=0.1, detached=True, paid="picture", batch=64), 2
        ),
        "collapsed": trained(*paid_a_picture(*digits()), 10),
    }


def examined(step):
    x, y = digits("test")
    return class_code.audit(step, data.pixels(x), y)


def test_the_mended_training_passes(steps):
    result = examined(steps["mended"])
    assert result.faults == []
    assert set(result.gradients) == set(mlvae.HEADS) and min(result.gradients.values()) > 1e-3
    assert result.usage > 5 and result.class_kl > 5


def test_the_sources_training_is_flagged_by_name(steps):
    result = examined(steps["the source's"])
    assert result.gradients["class_mu"] == result.gradients["class_logvar"] == 0.0
    assert result.gradients["style_mu"] > 0 and result.gradients["style_logvar"] > 0
    assert result.faults[:2] == [
        "class_mu is never trained: its gradient is zero",
        "class_logvar is never trained: its gradient is zero",
    ]


def test_a_class_code_paid_once_a_picture_is_flagged_as_unused(steps):
    result = examined(steps["collapsed"])
    assert min(result.gradients.values()) > 0
    assert result.usage < 0.5
    assert [f for f in result.faults if f.startswith("the decoder ignores the class code")]
    assert result.usage < examined(steps["mended"]).usage / 10


def test_the_bounds_of_the_audit_can_be_moved(steps):
    x, y = digits("test")
    x, step = data.pixels(x), steps["mended"]
    result = class_code.audit(step, x, y, least_usage=1e6, least_kl=1e6)
    assert result.faults == [
        f"the class code has collapsed: {result.class_kl:.4f} nats a group",
        f"the decoder ignores the class code: a wrong one costs {result.usage:.3f} nats",
    ]


def test_the_audit_leaves_everything_as_it_was(steps):
    for step in steps.values():
        before = copy.deepcopy({name: part.state_dict() for name, part in step.parts.items()})
        training = step.model.training
        examined(step)
        after = {name: part.state_dict() for name, part in step.parts.items()}
        assert flat(after) == flat(before) and step.model.training == training


def test_the_audit_takes_a_step_with_average_schedule_and_clip():
    x, y = data.load("mnist", n=40)[:2]
    x = data.pixels(x)
    model = awake(mlvae.MLVAE(3, 3, 16))
    optimizer = adam(model, 1e-3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    step = LossStep(model, mlvae.loss, optimizer, ema=0.9, clip=1e6, schedule=schedule)
    for _ in range(3):
        step(x, y)
    before = flat({name: copy.deepcopy(part.state_dict()) for name, part in step.parts.items()})
    result = class_code.audit(step, x, y)
    assert flat({name: part.state_dict() for name, part in step.parts.items()}) == before
    assert result.usage == class_code.usage(step.best, x, y) != class_code.usage(model, x, y)
    step(x, y)  # and it can go on
    assert optimizer.param_groups[0]["lr"] == 1e-3 / 2**4


def flat(tree, path=""):
    """{path: value} of nested state dicts; tensors as lists, so that == compares them."""
    if isinstance(tree, dict):
        return {k: v for name, t in tree.items() for k, v in flat(t, f"{path}/{name}").items()}
    if isinstance(tree, list | tuple):
        return flat(dict(enumerate(tree)), path)
    return {path: tree.tolist() if isinstance(tree, torch.Tensor) else tree}


def test_swaps_tell_the_trainings_apart(steps):
    """The class code of the mended model decides, and the style of the collapsed one."""
    (x, y), test = digits(), digits("test")
    reader = trained(*judge.digit_recipe(x, y, epochs=4, width=8, batch=64, ema=0.9), 4).best.eval()
    assert (data.in_batches(reader, test[0]).argmax(1) == test[1]).float().mean() > 0.9
    mended = class_code.swaps(steps["mended"].best, reader, test, (x, y), 64)
    collapsed = class_code.swaps(steps["collapsed"].best, reader, test, (x, y), 64)
    assert mended.class_follow > 0.6 and mended.style_follow < 0.1
    assert collapsed.class_follow < 0.3 and collapsed.style_follow > 0.4
    assert mended.n == collapsed.n == 9 * len(test[0])


# ---- gradients ----------------------------------------------------------------------------------


class Linear(nn.Module):
    """One pixel, decoded as w * class code + v * style; heads are scalars."""

    def __init__(self, v=1.0, w=2.0):
        super().__init__()
        self.v, self.w, self.n_groups = v, w, 3
        self.heads = nn.ModuleDict({n: nn.Linear(1, 1, bias=False) for n in mlvae.HEADS})
        with torch.no_grad():
            for i, head in enumerate(self.heads.values()):
                head.weight.fill_(0.5 + 0.25 * i)

    def encode(self, x):
        codes = [self.heads[n](x.flatten(1)) for n in mlvae.HEADS]
        return tuple(codes[:2]), tuple(codes[2:])

    def evidence(self, x, group):
        return gaussian.product(*self.encode(x)[1], group, self.n_groups)

    def decode(self, style, code):
        return (self.v * style + self.w * code).view(-1, 1, 1, 1)


def squares(model, x, group):
    style, member = model.encode(x)
    error = (model.decode(style[0], member[0]) - x).square().mean()
    return {"loss": error + 3 * style[1].mean()}


PIXELS, OF = torch.tensor([0.2, 0.6, 0.4]).view(3, 1, 1, 1), torch.tensor([0, 1, 1])


def test_gradient_norms_are_those_of_a_hand_computation():
    model = Linear()
    step = LossStep(model, squares, torch.optim.SGD(model.parameters(), 0.1))
    result = class_code.gradient_norms(step, PIXELS, OF)
    # error = ((v a + w c - 1) x)^2, a = 0.5 and c = 1.0 the weights of style_mu and class_mu
    x, off = PIXELS.flatten(), 1 * 0.5 + 2 * 1.0 - 1
    expected = {
        "style_mu": abs((2 * off * 1 * x**2).mean().item()),
        "style_logvar": 3 * x.mean().item(),
        "class_mu": abs((2 * off * 2 * x**2).mean().item()),
        "class_logvar": 0.0,  # the loss does not use it
    }
    assert result == pytest.approx(expected)
    assert all(p.grad is None for p in model.parameters())


def test_gradient_norms_are_those_of_the_step_not_of_the_loss():
    """A step that clips: the norms of the heads together are what it lets through."""
    model = Linear()
    step = LossStep(model, squares, torch.optim.SGD(model.parameters(), 0.1), clip=0.01)
    result = class_code.gradient_norms(step, PIXELS, OF)
    assert math.hypot(*result.values()) == pytest.approx(0.01, rel=1e-3)
    assert result["style_mu"] > 0 and result["class_logvar"] == 0


def test_an_old_gradient_does_not_count():
    model = Linear()
    step = LossStep(model, squares, torch.optim.SGD(model.parameters(), 0.1))
    model.heads["class_logvar"].weight.grad = torch.ones(1, 1)
    assert class_code.gradient_norms(step, PIXELS, OF)["class_logvar"] == 0.0


def test_a_norm_is_over_all_parameters_of_a_head():
    head = nn.Linear(2, 1)
    head.weight.grad, head.bias.grad = torch.tensor([[2.0, 3.0]]), torch.tensor([6.0])
    assert class_code._norm(head) == pytest.approx(7.0)
    head.bias.grad = None
    assert class_code._norm(head) == pytest.approx(math.sqrt(13))


# ---- usage and KL -------------------------------------------------------------------------------


def test_usage_of_a_decoder_that_ignores_the_code_is_nothing():
    assert class_code.usage(Linear(w=0.0), PIXELS, OF) == 0.0


def test_usage_is_what_a_wrong_code_costs_by_hand():
    model = Linear(v=0.1, w=1.0)
    style, code = model.encode(PIXELS)[0][0], model.evidence(PIXELS, OF)[0]
    right = [(PIXELS[i].item() - 0.1 * style[i] - code[OF[i]]) ** 2 for i in range(3)]
    wrong = [(PIXELS[i].item() - 0.1 * style[i] - code[1 - OF[i]]) ** 2 for i in range(3)]
    expected = sum(w - r for w, r in zip(wrong, right, strict=True)).item() / 3
    assert class_code.usage(model, PIXELS, OF) == pytest.approx(expected)  # sigma^2 = 0.5: factor 1
    assert class_code.usage(model, PIXELS, OF, sigma=0.1) == pytest.approx(50 * expected)
    assert expected > 0.01
    assert class_code.usage(Linear(v=0.1, w=-1.0), PIXELS, OF) < 0, (
        "a harmful code has negative usage"
    )


@pytest.mark.parametrize("seed", range(6))
def test_every_group_gets_the_code_of_another_that_is_there(seed):
    groups, used = torch.tensor([0, 2, 2, 5, 6]), []

    class Watched(Linear):
        def evidence(self, x, group):
            return torch.arange(7.0)[:, None], None

        def decode(self, style, code):
            used.append(code[:, 0].tolist())
            return super().decode(style, code)

    model = Watched()
    model.n_groups = 7
    class_code.usage(model, torch.rand(5, 1, 1, 1), groups, seed=seed)
    right, wrong = used
    assert right == groups.tolist() and wrong[1] == wrong[2]
    assert set(wrong) == {0, 2, 5, 6} and all(a != b for a, b in zip(right, wrong, strict=True))


def test_class_kl_is_a_mean_over_the_groups_that_are_there():
    model = Linear()
    mu, logvar = model.evidence(PIXELS, OF)
    q = Normal(mu[:2], (0.5 * logvar[:2]).exp())  # group 2 is missing
    expected = kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean().item()
    assert class_code.class_kl(model, PIXELS, OF) == pytest.approx(expected) and expected > 0.05


# ---- bad input ----------------------------------------------------------------------------------


def net():
    return awake(mlvae.MLVAE(3, 3, 8, (1, 6, 6)))


def test_one_class_only_cannot_be_audited_and_says_so():
    x, y = torch.rand(4, 1, 6, 6), torch.full((4,), 3)
    model = net()
    step = LossStep(model, mlvae.loss, adam(model, 1e-3))
    with pytest.raises(ValueError, match=r"all pictures are of group \[3\]: there is no other"):
        class_code.audit(step, x, y)
    with pytest.raises(ValueError, match="all pictures are of class 3; nothing can be swapped in"):
        class_code.swaps(model, None, ((255 * x).byte(), y), ((255 * x).byte(), y), 2)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 10, 1], "picture 1 has group 10; groups are 0 to 9"),
        ([0, 1, -1], "picture 2 has group -1"),
    ],
)
def test_bad_groups_are_refused_by_number(groups, message):
    model, x, y = net(), torch.rand(3, 1, 6, 6), torch.tensor(groups)
    step = LossStep(model, mlvae.loss, adam(model, 1e-3))
    for examine in (class_code.audit, lambda s, *xy: class_code.usage(model, *xy)):
        with pytest.raises(ValueError, match=message):
            examine(step, x, y)


def test_a_head_that_the_optimiser_does_not_hold_is_flagged():
    torch.manual_seed(0)
    model = mlvae.MLVAE(hidden=32)
    held = [p for n, p in model.named_parameters() if "class_mu" not in n]
    step = LossStep(model, mlvae.loss, torch.optim.Adam(held, 1e-3))
    x, y = digits("test")
    result = class_code.audit(step, data.pixels(x[:50]), y[:50])
    assert result.gradients["class_mu"] > 0
    assert "class_mu is never trained: the optimiser does not hold it" in result.faults


def test_a_model_of_nan_and_a_finished_schedule():
    torch.manual_seed(0)
    model = mlvae.MLVAE(hidden=32)
    optimizer = adam(model, 1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=2)
    step = LossStep(model, mlvae.loss, optimizer, schedule=schedule)
    x, y = digits("test")
    batch = data.pixels(x[:50]), y[:50]
    for _ in range(2):
        step(*batch)
    assert (
        min(class_code.gradient_norms(step, *batch).values()) > 0
    )  # a third step would be refused
    with torch.no_grad():
        model.heads["class_mu"].weight.fill_(float("nan"))
    assert len(class_code.audit(step, *batch).faults) >= 3
