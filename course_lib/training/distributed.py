"""Several processes train one model: what each of them reads, what they share, and who writes.

torchrun starts the processes and gives each a rank; they meet over gloo on CPUs and nccl on GPUs.
runs.train_or_load uses what is here, and in a process that torchrun did not start all of it does
nothing.

A batch is the one that a single process would see; a rank reads the rows [rank::world] of it, and
the gradients are averaged. A loss that is a mean over the batch therefore has the same curve on any
number of ranks, but for rounding. What joins the pictures of a batch (batch norm, a group's
evidence, free bits) sees a rank's rows alone, and noise is drawn from (seed, step, rank): a run on
two ranks, or on one rank under torchrun, is as good as one without torchrun, but not bit for bit.
A run that was broken and taken up on as many CPU ranks does end bit for bit as an unbroken one.
"""

import atexit
import contextlib
import hashlib
import os
import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from course_lib.data import sets
from course_lib.data.batches import Batches
from course_lib.training.steps import LossStep


def device_name(device):
    """What a protocol calls the device: 'cpu (2 threads)' or the GPU's own name."""
    count = f"{world()} x " if world() > 1 else ""
    if device.type == "cuda":
        return count + torch.cuda.get_device_name(device)
    return f"{count}{device.type} ({torch.get_num_threads()} threads)"


class CannotDistribute(ValueError):
    """What cannot be spread over these processes; the message says what to change."""


def join(alone=False):
    """Take the place that torchrun gave to this process; nothing without torchrun, or the second
    time. alone: without torchrun be the only rank, which streams its data to the GPU just so."""
    under_torchrun = dist.is_torchelastic_launched()
    if dist.is_initialized() or not (under_torchrun or alone):
        return
    backend = "gloo"
    if torch.cuda.is_available():
        local, n_gpus = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if local >= n_gpus:
            raise CannotDistribute(
                f"more processes than GPUs on this host: --nproc-per-node={n_gpus} at most"
            )
        torch.cuda.set_device(local)
        backend = "cpu:gloo,cuda:nccl"  # rank 0 can be waited for without a GPU's time limit
    store, rank, world = _rendezvous() if under_torchrun else (dist.HashStore(), 0, 1)
    dist.init_process_group(backend, store=store, rank=rank, world_size=world)
    atexit.register(leave)  # else the threads of the group may abort a process that ended well


def leave():
    """Give the place back; nothing where there is none."""
    if dist.is_initialized():
        dist.destroy_process_group()
        # A thread of gloo lets go of the last tensors, for which it needs Python's lock: if Python
        # ended before it had that, the process would abort. While this one sleeps it gets it.
        time.sleep(0.1)


def _rendezvous():
    """(store, rank, world). torchrun's own store outlives a restart: without a prefix a process
    may read the address of one that was killed. Hosts count restarts apart, so several need new
    stores."""
    shared = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if shared and int(os.environ["GROUP_WORLD_SIZE"]) > 1:
        if int(os.environ["TORCHELASTIC_MAX_RESTARTS"]):
            raise CannotDistribute(
                "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 before torchrun on every host, or a "
                "restart may hang"
            )
    attempt = os.environ["TORCHELASTIC_RESTART_COUNT"] if shared else "0"
    store, rank, world = next(dist.rendezvous("env://"))
    return dist.PrefixStore(f"attempt {attempt}", store), rank, world


def rank():
    """This process among all, 0 when it is alone."""
    return dist.get_rank() if dist.is_initialized() else 0


def world():
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def device():
    """Where this rank trains: its own GPU, or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def fork_rng():
    """torch.random.fork_rng, which would else take memory on every GPU for every rank."""
    own = [device()] if torch.cuda.is_available() else []
    return torch.random.fork_rng(own if dist.is_initialized() else None)


def on_rank_zero(function):
    """function() is called on rank 0 alone; all ranks get what it returns, or raises."""
    if not dist.is_initialized():
        return function()
    outcome = [None, None]  # the value, or the error
    if rank() == 0:
        try:
            outcome[0] = function()
        except Exception as error:  # the others would wait for a value that never comes
            outcome[1] = error
    dist.broadcast_object_list(outcome, src=0)
    value, error = outcome
    if error is not None:
        raise error
    return value


def broadcast(step):
    """Give all ranks the weights, averages and buffers of rank 0."""
    if dist.is_initialized():
        for part in modules(step):
            for tensor in part.state_dict().values():
                dist.broadcast(tensor, src=0)


@contextlib.contextmanager
def distribute(step, batches):
    """(step, batches) for loop.fit: made for all ranks in here, what they were in one process.

    Raises CannotDistribute on all ranks alike: a step that is no LossStep, a batch that cannot be
    divided, or data that are not the same on every host.
    """
    if not dist.is_initialized():
        yield step, batches
        return
    if not isinstance(step, LossStep):
        raise CannotDistribute(
            "only a family that descends one loss (LossStep) trains on several ranks"
        )
    shards = Shards(batches, rank(), world(), device())
    _same_data(batches.tensors)
    for part in modules(step):
        part.to(device())
    yield AveragedTerms(step), shards


def modules(step):
    """The parts of a step that are modules, the same order on every rank."""
    return [part for part in step.parts.values() if isinstance(part, torch.nn.Module)]


class Objective(torch.nn.Module):
    """The loss as a forward pass: DistributedDataParallel then averages the gradients, whatever
    methods of the model the loss calls."""

    def __init__(self, model, loss):
        super().__init__()
        self.model, self.loss = model, loss

    def forward(self, *batch):
        return self.loss(self.model, *batch)


class AveragedTerms:
    """A LossStep whose gradients and terms are those of the whole batch: one history, and one alarm
    at a NaN."""

    def __init__(self, step):
        self.step, self.parts = step, step.parts
        self.objective = DistributedDataParallel(Objective(step.model, step.loss))

    def __call__(self, *batch):
        terms = self.step.update_by(self.objective, batch)
        mean = torch.stack([term.float() for term in terms.values()])
        dist.all_reduce(mean)
        return dict(zip(terms, mean / world(), strict=True))


class Shards:
    """Batches of which this rank reads its rows.

    Before each batch torch is seeded from (seed, step, rank). A run that is taken up so draws what
    it would have drawn, although the checkpoint holds the state of rank 0 alone.
    """

    def __init__(self, batches, rank, world, device):
        if batches.size % world:
            raise CannotDistribute(
                f"a batch of {batches.size} pictures cannot be divided by {world} ranks"
            )
        rows = (Rows(t, rank, world, device) for t in batches.tensors)
        self.rank, self.batches = rank, Batches(*rows, size=batches.size, seed=batches.seed)

    def __len__(self):
        """Batches in an epoch."""
        return len(self.batches)

    def epoch(self, epoch, skip=0):
        """Yield this rank's rows of the epoch's batches, leaving out the first `skip`."""
        for i, batch in enumerate(self.batches.epoch(epoch, skip), epoch * len(self) + skip):
            digest = hashlib.sha256(f"{self.batches.seed} {i} {self.rank}".encode()).digest()
            torch.manual_seed(int.from_bytes(digest[:4]))  # the CPU's generator takes 32 bits
            yield batch


class Rows:
    """A tensor, as far as Batches uses one; of the rows asked for, those of this rank are
    read, and brought to its device. A memory-mapped tensor stays on the disk."""

    def __init__(self, tensor, rank, world, device):
        self.tensor, self.rows, self.target = tensor, slice(rank, None, world), device
        self.ndim, self.device = tensor.ndim, tensor.device

    def __len__(self):
        return len(self.tensor)

    def index_select(self, dim, i):
        rows = self.tensor.index_select(dim, i[self.rows])
        if self.target.type == "cuda" and not rows.is_cuda:
            rows = rows.pin_memory()  # or the CPU would wait for the copy
        return rows.to(self.target, non_blocking=True)


class SharedCheckpoint:
    """A checkpoint (see loop.fit) that rank 0 alone writes and reads, and all ranks take up."""

    def __init__(self, checkpoint):
        self.checkpoint, self.path = checkpoint, checkpoint.path

    def due(self):
        return rank() == 0 and self.checkpoint.due()

    def save(self, state):
        self.checkpoint.save(state)

    def load(self):
        return on_rank_zero(self.checkpoint.load)


def _same_data(tensors):
    """A host with a set prepared differently is found out by a few rows, before any training."""
    summary = [[list(t.shape), sets.digest(t[:: max(1, len(t) // 16)])] for t in tensors]
    summaries = [None] * world()
    dist.all_gather_object(summaries, summary)
    differing = [rank for rank, other in enumerate(summaries) if other != summaries[0]]
    if differing:
        raise CannotDistribute(
            f"the data of ranks {differing} are not those of rank 0: prepare them alike"
        )
