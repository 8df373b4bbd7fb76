"""A whole step as one CUDA graph: recorded once on the GPU, then replayed by one call.

    loop.fit(CapturedStep(step), batches, epochs)

It pays where a step is hundreds of short operations, each of which Python has to start. Nothing is
compiled, so it is ready after a second, and it takes what torch.compile does not (the penalty r1 is
a gradient of a gradient). https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

import copy
import functools
from contextlib import contextmanager
from functools import partial
from itertools import chain

import torch

PLAIN = 3  # steps before a recording, in which libraries find their memory
COUNTING = ("trace", "snapshots", "players")  # parts that act on a count of steps, on the CPU


class NeedsGPU(ValueError):
    """The model of a step to be captured is not on a GPU; the message says what to do."""


class CapturedStep:
    """A step of any family (LossStep, AdversarialStep) that a GPU replays, optimisers included.

    Once PLAIN plain steps were alike, the next one is recorded, and replayed until something is
    different: the size of a batch, a setting of an optimiser other than its rate, or loss.stage(),
    where a loss does other things as the training goes on (iwae). Then steps are plain again, and
    one is recorded anew. So schedules, checkpoints and noise are those of the plain step, and the
    numbers are, but for rounding. The terms are overwritten by the next step. Raises NeedsGPU.
    """

    def __init__(self, step, recorder=None):
        """recorder: a Recorder, or what stands for one in a test without a GPU."""
        self.step, self.parts = step, step.parts
        self.optimizers = [p for p in step.parts.values() if isinstance(p, torch.optim.Optimizer)]
        self.device = self.groups()[0]["params"][0].device
        if recorder is None and self.device.type != "cuda":
            raise NeedsGPU(
                f"a step is captured on a GPU, and this model is on the {self.device.type}: train "
                "by the plain step, or by a CompiledStep (training/compiled.py)"
            )
        self.recorder = recorder or Recorder()
        self.rates = [torch.zeros((), device=self.device) for _ in self.groups()]
        self.forget()
        for optimizer in self.optimizers:  # what is loaded lies elsewhere than what was recorded
            optimizer.register_load_state_dict_post_hook(lambda _: self.forget())

    def groups(self):
        """The groups of parameters of all optimisers; a list anew, for loading replaces them."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def forget(self):
        """The next steps are plain ones, and then one is recorded."""
        self.seen, self.alike, self.replay = None, 0, None

    def __call__(self, *batch):
        """One update on one batch; the loss's terms before it, detached."""
        if self.seen != (now := self._circumstances(batch)):
            self.forget()
            self.seen = now
        if self.replay is None and self.alike < PLAIN:
            self.alike += 1
            return self.recorder.plain(lambda: self.step(*batch))
        for rate, group in zip(self.rates, self.groups(), strict=True):
            rate.fill_(group["lr"])
        if self.replay is None:
            self._record(batch)
        for static, given in zip(self.inputs, batch, strict=True):
            static.copy_(given)
        self.replay()
        for work in self.afterwards:
            work()
        return self.terms

    def _circumstances(self, batch):
        """All that a recording holds fixed; while it is the same, the recording is the step."""
        fixed = [{k: v for k, v in g.items() if k not in ("params", "lr")} for g in self.groups()]
        stage = getattr(getattr(self.step, "loss", None), "stage", None)
        return [(t.shape, t.dtype) for t in batch], fixed, stage and stage()

    def _record(self, batch):
        self.inputs = [t.clone() for t in batch]
        average = self.parts.get("average")
        count = average and average.n_averaged.to(self.device, copy=True)

        def work():
            afterwards, batch = [], [t.detach() for t in self.inputs]  # r1 asks for their gradient
            return deferring(self.step, afterwards, count)(*batch), afterwards

        with self._rates_on_device():
            self.replay, (self.terms, self.afterwards) = self.recorder.record(work)

    @contextmanager
    def _rates_on_device(self):
        """In here the optimisers read their rates, and count their steps, on the device. Afterwards
        the rates are numbers again, as schedules and checkpoints know them."""
        before = [(group["lr"], group["capturable"]) for group in self.groups()]
        for state in chain.from_iterable(o.state.values() for o in self.optimizers):
            state["step"] = state["step"].to(self.device)
        for group, rate in zip(self.groups(), self.rates, strict=True):
            group["lr"], group["capturable"] = rate, rate.is_cuda
        try:
            yield
        finally:
            for group, (rate, capturable) in zip(self.groups(), before, strict=True):
                group["lr"], group["capturable"] = rate, capturable

    @property
    def best(self):
        """The model to use: the averaged one where an average is kept."""
        return self.step.best


def captured(recipe):
    """The recipe, whose step is captured where its data lie on a GPU. A run that it trains has the
    name, the settings and the key of the recipe's own."""

    @functools.wraps(recipe)
    def begin(*tensors, **settings):
        step, batches = recipe(*tensors, **settings)
        return (CapturedStep(step) if tensors[0].is_cuda else step), batches

    return begin


class Recorder:
    """How a GPU does and records steps: on a stream apart from the usual one, as CUDA asks."""

    def __init__(self):
        self.stream = torch.cuda.Stream()

    def plain(self, work):
        """Do it: what work() returns."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = work()
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def record(self, work):
        """Record what work() asks of the GPU, without doing it: a function that does it, and what
        work() returned, whose tensors that function fills."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            result = work()
        return graph.replay, result


# ---- what a recording leaves to the CPU ---------------------------------------------------------


def deferring(step, afterwards, count):
    """The step, but what acts on a count of steps on the CPU is not done: it is put into the list
    `afterwards`, as functions. count: of the average's updates, a tensor on the device."""
    step, parts = copy.copy(step), dict(step.parts)
    parts |= {name: Deferred(parts[name], afterwards) for name in COUNTING if name in parts}
    if "average" in parts:
        parts["average"] = Averaging(parts["average"], count, afterwards)
    if getattr(step, "schedule", None) is not None:
        step.schedule = Deferred(step.schedule, afterwards)
    step.parts = parts
    return step


class Deferred:
    """Stands for a part of a step: what is asked of it is put into the list `afterwards`."""

    def __init__(self, part, afterwards):
        self.part, self.afterwards = part, afterwards

    def __call__(self, *args):
        args = (a.part if isinstance(a, Deferred) else a for a in args)
        self.afterwards.append(partial(self.part, *args))

    def step(self):
        """Of a schedule."""
        self.afterwards.append(self.part.step)

    def look(self):
        """Of acgan.Players."""
        self.afterwards.append(self.part.look)


class Averaging:
    """Stands for a torch AveragedModel, whose update asks its count, which is on the CPU."""

    def __init__(self, average, count, afterwards):
        self.average, self.count, self.afterwards = average, count, afterwards
        self.module = average.module

    def update_parameters(self, model):
        """The update but for the first one, which is a plain copy: that was in a plain step."""
        both = ([*m.parameters(), *m.buffers()] for m in (self.module, model))
        pairs = [(own.detach(), new.detach()) for own, new in zip(*both, strict=True)]
        for dtype in {own.dtype for own, _ in pairs}:
            alike = [pair for pair in pairs if pair[0].dtype == dtype]
            self.average.multi_avg_fn(*map(list, zip(*alike, strict=True)), self.count)
        self.count += 1
        self.afterwards.append(partial(self.average.n_averaged.add_, 1))
