"""Three ways to take the same steps: the bare step, our loop, and the loop that people copy.

bare      the step of a recipe, again and again on one batch of floats that is there already
ours      loop.fit over data.Batches: bytes that stay where they are, floats made batch by batch
copied    ToTensor for every picture and a DataLoader; Adam as it comes, and torch's own products;
          `.item()` of every term at every step
"""

from PIL import Image
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

from benchmarks.rounds import DEVICE
from course_lib.training.loop import fit, set_training


class Pictures(Dataset):
    """Bytes that become a PIL picture and then a tensor, one at a time, as torchvision's MNIST."""

    def __init__(self, x, *labels):
        from torchvision.transforms import ToTensor  # takes seconds

        x = x.cpu().permute(0, 2, 3, 1)
        self.x, self.transform = (x[..., 0] if x.shape[-1] == 1 else x).numpy(), ToTensor()
        self.labels = [t.cpu() for t in labels]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.x[i])), *(t[i] for t in self.labels)


def bare(recipe, tensors, settings):
    """A function that takes as many steps as an epoch has, all on one batch."""
    step, batches = recipe(*tensors, **settings)
    set_training(step, True)
    batch = next(batches.epoch(0))

    def epoch():
        for _ in range(len(batches)):
            step(*batch)

    return epoch


def ours(recipe, tensors, settings):
    """A function that trains for an epoch by our loop."""
    step, batches = recipe(*tensors, **settings)
    return lambda: fit(step, batches, epochs=1)


def copied(recipe, tensors, settings):
    """A function that trains for an epoch by the loop that people copy."""
    step, batches = recipe(*tensors, **settings)
    as_it_comes(step)
    loader = DataLoader(Pictures(*tensors), batches.size, shuffle=True, drop_last=True)
    set_training(step, True)

    def epoch():
        totals = {}
        for batch in loader:
            for name, term in step(*(t.to(DEVICE) for t in batch)).items():
                totals[name] = totals.get(name, 0.0) + term.item()

    return epoch


def as_it_comes(step):
    """Undo what a recipe chose for speed alone. A guard of gradients needs its Adam fused."""
    step.wide = False
    for part in step.parts.values():
        if isinstance(part, Optimizer) and "guard" not in step.parts:
            for group in part.param_groups:
                group["fused"] = False
