"""One update of a model that descends one loss, and what belongs to it: optimiser, schedules,
averages of weights, and the guard on gradients."""

import math

import torch
from torch.optim.swa_utils import AveragedModel

from course_lib.training.optimisers import Adam
from course_lib.training.products import onednn


class LossStep:
    """One model, one loss, one optimiser: the step of every family but the GANs.

    loss(model, *batch) returns a dict of scalars with the key "loss". `ema` > 0 keeps an average of
    the weights with that decay; `clip` > 0 bounds the gradient's norm; `schedule` is a torch
    learning-rate scheduler, stepped after each update; `guard` is a GradientGuard of the optimiser;
    `bf16` runs the forward pass in bfloat16; `wide` says that most of the work is in matrices with
    sides of hundreds, which a CPU may multiply by oneDNN (see products.py).
    """

    def __init__(
        self, model, loss, optimizer, ema=0.0, clip=0.0, schedule=None, guard=None, bf16=False,
        wide=False,
    ):  # fmt: skip
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.clip, self.schedule, self.bf16, self.wide = clip, schedule, bf16, wide
        self.parts = {"model": model, "optimizer": optimizer}
        if schedule is not None:
            self.parts["schedule"] = schedule
        if guard is not None:
            self.parts["guard"] = guard
        if ema:
            self.parts["average"] = average_of(model, ema)

    def __call__(self, *batch):
        """One update on one batch; the loss's terms before it, detached."""
        return self.update_by(lambda *batch: self.loss(self.model, *batch), batch)

    def update_by(self, objective, batch):
        """One update by objective(*batch): the loss, as several processes wrap it (distributed.py);
        the terms before it, detached."""
        with onednn(self.wide):
            with torch.autocast(batch[0].device.type, torch.bfloat16, enabled=self.bf16):
                terms = objective(*batch)
            update(self.optimizer, terms["loss"], self.clip)
        if self.schedule is not None:
            self.schedule.step()
        if "average" in self.parts:
            self.parts["average"].update_parameters(self.model)
        return {name: term.detach() for name, term in terms.items()}

    @property
    def best(self):
        """The model to use: the averaged one where an average is kept."""
        return self.parts["average"].module if "average" in self.parts else self.model


def update(optimizer, loss, clip=0.0):
    """One update of an optimiser's parameters; clip > 0 bounds the gradient's norm."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if clip:
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, clip)
    optimizer.step()


def average_of(model, decay):
    """A running average of a model's weights and buffers, as torch's AveragedModel.

    The average keeps min(decay, (1 + t) / (10 + t)) of itself at update t, so that it forgets the
    first weights within tens of steps and not thousands (as TensorFlow's num_updates does it).
    """

    @torch.no_grad()
    def mix(averaged, current, t):
        if not averaged[0].is_floating_point():  # batch norm's count of steps
            torch._foreach_copy_(averaged, current)
            return
        own = ((1 + t) / (10 + t)).clamp(max=decay)  # stays on the device: no step waits for it
        torch._foreach_mul_(averaged, own)
        torch._foreach_add_(averaged, torch._foreach_mul(current, 1 - own))

    return AveragedModel(model, multi_avg_fn=mix, use_buffers=True)


def adam(model, lr, betas=(0.9, 0.999)):
    """Adam in its fused form, which is the quickest on CPU and GPU alike (docs/speed.md)."""
    return Adam(model.parameters(), lr, betas=betas, fused=True)


class GradientGuard(torch.nn.Module):
    """Watches the gradients of an optimiser, before each of its steps, without a look from the CPU.

    A gradient whose norm exceeds `clip` times `mean_norm`, the running mean, is shortened to that;
    one beyond `skip` times, or that is no number, is left out, and counted in `skipped` (Child
    2021, section 3.1, with limits relative to the mean, so that they hold for any data). The
    optimiser must be a fused one.
    """

    def __init__(self, optimizer, clip=2.0, skip=10.0, decay=0.9):
        super().__init__()
        self.clip, self.skip, self.decay = clip, skip, decay
        self.register_buffer("mean_norm", torch.tensor(0.0))
        self.register_buffer("skipped", torch.tensor(0.0))
        optimizer.grad_scale = None
        optimizer.register_step_pre_hook(self.watch)

    @torch.no_grad()
    def watch(self, optimizer, args, kwargs):
        weights = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in weights if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        mean = torch.where(self.mean_norm > 0, self.mean_norm, norm)
        skipped = ~(norm.isfinite() & (norm <= self.skip * mean))
        # As torch's clip_grads_with_norm_, which asks the device for its limit and so waits for it.
        shorter = ((norm + 1e-6).reciprocal() * (self.clip * mean)).clamp(max=1.0)
        torch._foreach_mul_(gradients, shorter)
        optimizer.found_inf = skipped.float()  # a fused optimiser leaves such a step out
        self.skipped += skipped
        # One left out counts too, shortened: should norms stay high, the mean rises to them.
        new_mean = self.decay * mean + (1 - self.decay) * torch.minimum(norm, self.clip * mean)
        self.mean_norm.copy_(torch.where(norm.isfinite(), new_mean, self.mean_norm))


def annealed(model, loss, lr, n_steps, ema=0.0, wide=False):
    """LossStep by Adam, its rate falling to 0 over n_steps along a cosine; constant at 0 steps."""
    optimizer = adam(model, lr)
    schedule = n_steps and torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    return LossStep(model, loss, optimizer, ema=ema, schedule=schedule or None, wide=wide)


def warmed(optimizer, warm, total=0):
    """A schedule: the rate rises over `warm` steps, and where total > 0 it falls to 0 over `total`
    along a cosine."""

    def factor(step):
        cosine = 0.5 * (1 + math.cos(math.pi * min(step / total, 1.0))) if total else 1.0
        return min(1.0, (step + 1) / max(warm, 1)) * cosine

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
