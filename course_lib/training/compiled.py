"""A step by torch.compile: few large kernels, and on a GPU replayed as CUDA graphs.

    loop.fit(CompiledStep(step), batches, epochs)

It pays where a step is many short operations, each of which Python has to start. Compiling takes
half a minute, and a CPU needs a C++ compiler for it.
"""

import torch


class CompiledStep:
    """A LossStep whose loss and gradients are compiled; optimiser, schedule and average stay plain.

    The noise is that of the plain step, and the numbers are, but for rounding. What a loss asks of
    a count of steps (iwae) compiles anew where the answer changes. Games of two players
    (AdversarialStep) stay plain, or are captured (captured.py).
    """

    def __init__(self, step):
        self.step, self.parts = step, step.parts
        self.objective = torch.compile(
            lambda *batch: step.loss(step.model, *batch),
            options={"triton.cudagraphs": True, "fallback_random": True},
        )

    def __call__(self, *batch):
        """One update on one batch; the loss's terms before it, detached."""
        torch.compiler.cudagraph_mark_step_begin()
        return self.step.update_by(self.objective, batch)

    @property
    def best(self):
        """The model to use: the averaged one where an average is kept."""
        return self.step.best
