"""What a training remembers besides its weights: a row a step, and pictures at a few moments."""

import pandas as pd
import torch
from torch import nn


class Trace(nn.Module):
    """What every single step of an AdversarialStep returned, kept with the weights and resumed with
    them.

    The table lies on the device and the count on the CPU, so that no step waits for the other.
    """

    NAMES = ("on real", "on fake", "accuracy", "real score", "fake score", "generator")

    def __init__(self, n_steps, device, traced=()):
        super().__init__()
        self.names = (*self.NAMES, *traced)
        self.register_buffer("values", torch.zeros(n_steps, len(self.names), device=device))
        self.register_buffer("n", torch.zeros((), dtype=torch.long))

    def forward(self, terms):
        """Write one step's terms down."""
        self.values[int(self.n)] = torch.stack([terms[name].float() for name in self.names])
        self.n += 1

    def table(self):
        """A DataFrame with a row a step."""
        return pd.DataFrame(self.values[: int(self.n)].cpu().numpy(), columns=self.names)


class SampleSnapshots(nn.Module):
    """Pictures from the same z and c at n_frames moments of a training, uint8, kept and resumed.

    pictures (n, C, H, W) gives the frames their shape. frames: (n_frames, n, C, H, W), evenly
    spaced, the last one after the last step.
    """

    def __init__(self, n_steps, z, c, pictures, n_frames=8):
        super().__init__()
        self.n_steps = n_steps
        self.register_buffer("z", z)
        self.register_buffer("c", c)
        n_frames = min(n_frames, n_steps)
        self.register_buffer("frames", torch.zeros(n_frames, *pictures.shape).to(pictures))
        self.register_buffer("n", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def forward(self, generator):
        """Count one more step, and generate the pictures where a frame is due."""
        frame = int(self.n) * len(self.frames) // self.n_steps
        self.n += 1
        if int(self.n) * len(self.frames) // self.n_steps > frame:
            was_training = generator.training
            generated = generator.eval()(self.z, self.c)
            self.frames[frame] = (generated * 255).round().byte()
            generator.train(was_training)

    def steps(self):
        """After how many steps each frame was generated."""
        n = len(self.frames)
        return [-(-(i + 1) * self.n_steps // n) for i in range(n)]
