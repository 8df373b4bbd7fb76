"""Does bfloat16 cost quality? Small nets trained with it and without, from the same seeds.

    python -m benchmarks.precision          a Markdown table; some minutes of one core

Each of three kinds is trained on digits, three seeds, twice: equal but for `bf16`. Held-out numbers
stand side by side, and their ratio within a seed, with its 95 % interval over the seeds: with three
of them it is wide.
"""

import time

import torch

from benchmarks.rounds import DEVICE
from course_lib.data import inputs
from course_lib.data.batches import pixels
from course_lib.evaluation import stats
from course_lib.evaluation.image_quality import sliced_distance
from course_lib.models import gan, hvae, iwae
from course_lib.training import loop
from course_lib.training.distributed import device_name

N, SEEDS = 6000, range(3)
LEVELS = dict(sides=(2, 4, 8), width=(48, 32, 24), groups=(2, 2, 2), z_dim=4, n_mixtures=0)


def nats_of_iwae(model, x, one_hot):
    return iwae.held_out(model, x, one_hot, k=4)["test loss"]


def nats_of_hvae(model, x):
    return hvae.held_out(model, x)["test nats"]


def distance_of_gan(model, x):
    torch.manual_seed(0)
    made = model.generate(torch.zeros(500, 0, device=x.device))
    return sliced_distance(pixels(x[:500]), made)["distance"]


KINDS = {  # recipe, words of the data, settings, epochs, and what is measured, in which unit
    "CVAE": (iwae.recipe, ["x:binary=0", "one_hot"], dict(epochs=6, seeing=256, width=256), 6,
             nats_of_iwae, "nats"),
    "hierarchical VAE": (hvae.recipe, ["x:binary=0"], LEVELS | dict(lr=4e-3, ema=0.99), 3,
                         nats_of_hvae, "nats"),
    "GAN": (gan.recipe, ["x:pad=2"], dict(epochs=6, width=16, lr_g=4e-4, lr_d=8e-4, ema=0.99), 6,
            distance_of_gan, "sliced distance"),
}  # fmt: skip


def main():
    begun = time.process_time()
    print(f"{device_name(DEVICE)}, torch {torch.__version__}, {N:,} digits, seeds 0 to 2")
    print("\n| net | epochs | held out | float32 | bfloat16 | bfloat16 / float32 (95 %) |")
    print("|---|---|---|---|---|---|")
    for name, kind in KINDS.items():
        found = [[trained(kind, bf16, seed) for seed in SEEDS] for bf16 in (False, True)]
        ratio, low, high = stats.paired_ratio(*reversed(found))
        share = f"{ratio:.4f} ({low:.4f} to {high:.4f})"
        cells = [name, kind[3], kind[5], *map(listed, found), share]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
    print(f"\n{time.process_time() - begun:.0f} s of processor time")


def trained(kind, bf16, seed):
    """The held-out number of one training."""
    recipe, parts, settings, epochs, measure, _ = kind
    train, test = ([inputs.tensor(f"mnist/{split}/{n}:{part}").to(DEVICE) for part in parts]
                   for split, n in (("train", N), ("test", 1000)))  # fmt: skip
    torch.manual_seed(seed)
    step, batches = recipe(*train, **settings, bf16=bf16, seed=seed)
    loop.fit(step, batches, epochs, progress=False)
    loop.set_training(step, False)
    return measure(step.best, *test)


def listed(values):
    return ", ".join(f"{value:.4g}" for value in values)


if __name__ == "__main__":
    main()
