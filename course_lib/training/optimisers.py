"""torch's optimisers, without the wait for torch's compiler.

The first optimiser of a process makes torch import its compiler, torch._dynamo, only so as to tell
it to stay out of a few methods: 2 to 4 s, more than all else that a notebook imports. Here these
methods are taken as they are written. The numbers are the same, to the last digit.
"""

from inspect import unwrap

import torch

METHODS = "add_param_group", "zero_grad", "state_dict", "load_state_dict"


def quick(optimizer):
    """A subclass of an optimiser of torch.optim, whose steps torch.compile cannot compile."""
    methods = {name: unwrap(getattr(optimizer, name)) for name in METHODS}
    methods["step"] = torch.no_grad()(unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), methods)


Adam = quick(torch.optim.Adam)
RMSprop = quick(torch.optim.RMSprop)
SGD = quick(torch.optim.SGD)
