"""Does a generator make what it is asked for, and what else changes when one label is switched?

A generator takes noise z (N, z_dim) and labels c (N, A), 0 or 1. says(pictures in [0, 1]) -> bool
(B, A): which attributes somebody sees who took no part in the training.
"""

import torch

from course_lib.data.batches import pixels
from course_lib.evaluation import image_quality
from course_lib.evaluation.parts import in_parts


def noise(n, z_dim, seed, device="cpu"):
    """The same n noise vectors (n, z_dim) whenever they are asked for, on every device."""
    return torch.randn(n, z_dim, generator=torch.Generator().manual_seed(seed)).to(device)


@torch.no_grad()
def generated(generator, z, c, size=250):
    """Pictures (N, C, S, S) in [0, 1], made in parts that fit everywhere."""
    parts = zip(z.split(size), c.split(size), strict=True)
    return torch.cat([generator(*part) for part in parts])


def switched(c, i):
    """Labels c (N, A) twice: attribute i is 0 in the first, 1 in the second, the rest as it was."""
    ### BEGIN ANSWER 6.3
    off, on = c.clone(), c.clone()
    off[:, i], on[:, i] = 0, 1
    return off, on
    ### END ANSWER


def flips(before, after, i):
    """What was seen before and after the switch of i, bool (N, A): the share of pairs in which i
    goes from no to yes, and the share of all other attributes that change."""
    ### BEGIN ANSWER 6.3
    follows = ~before[:, i] & after[:, i]
    others = (before != after).float().mean(0)
    others = (others.sum() - others[i]) / (before.shape[1] - 1)
    return float(follows.float().mean()), float(others)
    ### END ANSWER


def alone(generator, says, z, c):
    """Each attribute switched alone on the same noise: (A, 2), follows and others."""
    pairs = (switched(c, i) for i in range(c.shape[1]))
    looks = ([in_parts(says, generated(generator, z, labels)) for labels in pair] for pair in pairs)
    return torch.tensor([flips(*look, i) for i, look in enumerate(looks)])


def jointly(said, c):
    """Each attribute switched together with all that goes with it in the data, (A,): the chance
    that of two pictures, one with a label row without the attribute and one with a row that has it,
    the first is seen without and the second with it.

    said, c: bool (N, A). Of real pictures this is what two real pictures reach.
    """
    share = lambda hits, of: (hits & of).sum(0) / of.sum(0).clamp(min=1)
    return share(~said, ~c) * share(said, c)


def scores(generator, c, x, says, features, names, n=500, seed=0):
    """The numbers of one training: for each attribute "follows <name>" and "others <name>", it
    alone being switched, and "jointly <name>"; "follows", "others": the mean over attributes;
    "by noise": how many of all attributes change with the noise vector, the labels held. "faces
    found", "distance", "recall" beside real pictures.

    c: labels (N, A) of the test pictures x, uint8, of which the first n are used.
    """
    c, real = c[:n].float(), pixels(x[:n])
    z, other = (noise(len(c), generator.z_dim, s, c.device) for s in (seed, seed + 1000))
    made = generated(generator, z, c)
    said, elsewhere = in_parts(says, made), in_parts(says, generated(generator, other, c))
    table, joint = alone(generator, says, z, c), jointly(said, c.bool())
    numbers = {"follows": table[:, 0].mean(), "others": table[:, 1].mean()}
    for name, (follows, others), both in zip(names, table, joint, strict=True):
        numbers |= {f"follows {name}": follows, f"others {name}": others, f"jointly {name}": both}
    beside = image_quality.beside(real, made)
    of_real, of_made = (in_parts(features, p) for p in (real, made))
    numbers |= {name: beside[name] for name in ("faces found", "distance")}
    numbers["recall"] = image_quality.precision_recall(of_real, of_made)[1]
    numbers["by noise"] = (said != elsewhere).float().mean()
    return {name: float(value) for name, value in numbers.items()}


# ---- who reads what, early ----------------------------------------------------------------------


def right(said, c):
    """The share of labels c (N, A) that are seen as they were asked for; 0.5 is guessing where half
    of them are 1."""
    ### BEGIN ANSWER 6.2
    return float((said == c.bool()).float().mean())
    ### END ANSWER


def readings(players, says):
    """Of a game that acgan.early_recipe watched: {"own 50": ..., "judge 50": ..., "real 50": ...},
    after each number of steps the share of labels that the discriminator reads off generated
    pictures as asked, the share that `says` sees there, and the discriminator's share on real
    pictures that it never learned from.
    """
    numbers = {}
    for i, step in enumerate(players.steps.tolist()):
        on_real, on_fake = players.logits[i] > 0
        said = in_parts(says, pixels(players.frames[i]))
        numbers[f"real {step}"] = right(on_real, players.c)
        numbers[f"own {step}"] = right(on_fake, players.c)
        numbers[f"judge {step}"] = right(said, players.c)
    return numbers
