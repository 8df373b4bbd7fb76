"""make bench: our training loop, the loop of the copied notebooks, and the bare step, in one run.

Every contender takes the same number of steps on the same net and data, in turn (A B C A B C ...),
so that a machine that slows down slows all of them; medians are reported. Steps per second are the
machine's; the ratios are what to compare.

    bare        one float batch that is there already: forward, backward, Adam; nothing else
    ours        fit over data.Batches: resident bytes, floats made batch by batch, NaN watch
    loader 0/2  ToTensor per picture and a DataLoader with that many workers; `.item()` every step
"""

import copy
import statistics
import time

import pandas as pd
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from course_lib import data
from course_lib.models import gaussian, infogan, vae
from course_lib.training.distributed import device_name
from course_lib.training.loop import fit, set_training
from course_lib.training.steps import LossStep, adam

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ROUNDS = 5


class Pictures(Dataset):
    """Bytes that become a PIL picture and then a tensor, one at a time, as torchvision's MNIST."""

    def __init__(self, x):
        x = x.permute(0, 2, 3, 1)
        self.x, self.transform = (x[..., 0] if x.shape[-1] == 1 else x).numpy(), ToTensor()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.x[i]))


class DenseVAE(nn.Module):
    """784-512-256-2 and back."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 512),
            nn.ReLU(),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Linear(256, 4),
        )
        self.decoder = nn.Sequential(
            nn.Linear(2, 256),
            nn.ReLU(),
            nn.Linear(256, 512),
            nn.ReLU(),
            nn.Linear(512, 784),
            nn.Unflatten(1, (1, 28, 28)),
        )


def dense_loss(model, x):
    mu, logvar = model.encoder(x).chunk(2, dim=1)
    recon = gaussian.bernoulli_nll(x, model.decoder(gaussian.sample(mu, logvar))).mean()
    kl = gaussian.kl(mu, logvar).mean()
    return {"loss": recon + kl, "recon": recon, "kl": kl}


def bare(model, optimizer, loss, x):
    """A function that takes n steps on one batch."""
    batch = data.pixels(x)

    def steps(n):
        for _ in range(n):
            value = loss(model, batch)["loss"]
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            optimizer.step()

    return steps


def ours(model, optimizer, loss, x, size):
    step, batches = LossStep(model, loss, optimizer), data.Batches(x, size=size)

    def steps(n):
        fit(step, batches, epochs=n // len(batches))

    return steps


def loader(model, optimizer, loss, x, size, workers):
    batches = DataLoader(
        Pictures(x.cpu()),
        size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )

    def steps(n):
        for _ in range(n // len(batches)):
            total = 0.0
            for batch in batches:
                terms = loss(model, batch.to(DEVICE))
                optimizer.zero_grad()
                terms["loss"].backward()
                optimizer.step()
                total += terms["loss"].item()

    return steps


def in_turn(contenders, n, rounds=ROUNDS):
    """{name: steps per second of every round}, after one round that is not counted."""
    rates = {name: [] for name in contenders}
    for i in range(rounds + 1):
        for name, steps in contenders.items():
            begun = time.perf_counter()
            steps(n)
            if DEVICE.type == "cuda":
                torch.cuda.synchronize()
            if i > 0:
                rates[name].append(n / (time.perf_counter() - begun))
    return rates


def table(title, rates):
    """Print medians, their ratio to the first contender round by round, and the spread of that."""
    first = next(iter(rates.values()))
    rows = []
    for name, values in rates.items():
        ratios = [v / f for v, f in zip(values, first, strict=True)]
        rows.append(
            {
                "": name,
                "steps/s": statistics.median(values),
                "ratio": statistics.median(ratios),
                "lowest": min(ratios),
                "highest": max(ratios),
            }
        )
    print(f"\n{title}\n{pd.DataFrame(rows).to_string(index=False, float_format='%.2f')}")


def feeding(title, model, loss, x, size, epochs, rounds=ROUNDS):
    """The three ways to feed a net; every contender has a copy of it."""

    def fresh():
        net = copy.deepcopy(model).to(DEVICE).train()
        return net, adam(net, 1e-3), loss

    x = x.to(DEVICE)
    contenders = {
        "bare": bare(*fresh(), x[:size]),
        "ours": ours(*fresh(), x, size),
        "loader 0": loader(*fresh(), x, size, 0),
        "loader 2": loader(*fresh(), x, size, 2),
    }
    table(title, in_turn(contenders, epochs * (len(x) // size), rounds))


def variants(title, model, loss, x, size, n):
    """The bare step with plain Adam first, then with one thing changed at a time."""

    def fresh(net=None, fused=True):
        net = copy.deepcopy(model).to(DEVICE).train() if net is None else net
        optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=fused)
        return net, optimizer, loss

    def in_bf16(net, batch):
        with torch.autocast(DEVICE.type, torch.bfloat16):
            return loss(net, batch)

    x = x[:size].to(DEVICE)
    last = copy.deepcopy(model).to(DEVICE, memory_format=torch.channels_last).train()
    net, optimizer, _ = fresh()
    contenders = {
        "plain Adam": bare(*fresh(fused=False), x),
        "fused Adam": bare(*fresh(), x),
        "fused, bf16": bare(net, optimizer, in_bf16, x),
    }
    if any(isinstance(m, nn.Conv2d) for m in model.modules()):
        contenders["fused, channels-last"] = bare(
            *fresh(last), x.contiguous(memory_format=torch.channels_last)
        )
    net, optimizer, _ = fresh()
    compiled = bare(net, optimizer, torch.compile(loss), x)
    try:
        begun = time.perf_counter()
        compiled(3)
        print(f"\ncompiled in {time.perf_counter() - begun:.0f} s")
        contenders["fused, compiled"] = compiled
    except RuntimeError as error:  # no compiler on this machine
        print(f"\ntorch.compile does not run here: {str(error).splitlines()[0]}")
    table(title, in_turn(contenders, n))


def games(x, n, size=32, width=24):
    """A step of two players, 07's, in float32 and in bfloat16."""

    def player(bf16, epochs=8):
        step, batches = infogan.recipe(x, epochs, batch=size, width=width, bf16=bf16)
        set_training(step, True)
        stream = (batch for epoch in range(epochs) for batch in batches.epoch(epoch))

        def steps(n):
            for _ in range(n):
                step(*next(stream))

        return steps

    title = f"InfoGAN, {x.shape[-1]}x{x.shape[-1]}, batch {size}"
    table(title, in_turn({"float32": player(False), "bf16": player(True)}, n))


def evidence(n=256, groups=10):
    """The product of Gaussians of a batch: all groups at once against a loop over pictures."""
    mu, logvar, group = torch.randn(n, 10), torch.randn(n, 10), torch.arange(n) % groups

    def loop():
        precision, weighted = torch.zeros(groups, 10), torch.zeros(groups, 10)
        for m, v, g in zip(mu, logvar, group.tolist(), strict=True):
            precision[g] += (-v).exp()
            weighted[g] += m * (-v).exp()
        return weighted / precision, -precision.log()

    def repeat(function):
        return lambda n: [function() for _ in range(n)]

    def at_once():
        return gaussian.product(mu, logvar, group, groups)

    contenders = {"loop over pictures": repeat(loop), "all groups at once": repeat(at_once)}
    title = f"evidence of {groups} groups, {n} pictures of 10 dimensions, CPU"
    table(title, in_turn(contenders, 20))


def main():
    torch.manual_seed(0)
    print(f"{device_name(DEVICE)}, torch {torch.__version__}, {ROUNDS} rounds in turn")
    digits = data.load("mnist", n=6000).x
    photos = data.load("photos", "train", 1280).x
    evidence()
    feeding("VAE 784-512-256-2, batch 100, digits", DenseVAE(), dense_loss, digits, 100, 1)
    feeding("convolutional VAE, 64x64, batch 64, photos", vae.VAE(), vae.loss, photos, 64, 1, 3)
    games(data.downsample(photos, 32).to(DEVICE), 40)
    variants("VAE 784-512-256-2, the bare step", DenseVAE(), dense_loss, digits, 100, 60)
    variants("convolutional VAE, the bare step", vae.VAE(), vae.loss, photos, 64, 8)


if __name__ == "__main__":
    main()
