"""Weights in few files, none larger than may be brought back from a machine that is lent."""

from safetensors.torch import load_file, save_file

LIMIT, FILES = 16 * 2**20 - 2**16, 7  # bytes of a file, with room for its header; how many of them


class Packed:
    """OUT/weights-1.safetensors and so on: all tensors of all models, "name/tensor", in float16."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.files = [load_file(path) for path in sorted(folder.glob("weights-*.safetensors"))]

    def add(self, name, model):
        """Take a model in, whole or not at all: in words, which files hold it."""
        tensors = {f"{name}/{key}": halved(t) for key, t in model.state_dict().items()}
        self.files = [{k: t for k, t in f.items() if k not in tensors} for f in self.files]
        trial, used = [dict(file) for file in self.files], set()
        for key, tensor in tensors.items():
            fits = (i for i, file in enumerate(trial) if size(file) + nbytes(tensor) <= LIMIT)
            place = next(fits, len(trial))
            trial += [{}] if place == len(trial) else []
            if place >= FILES or nbytes(tensor) > LIMIT:
                return "left out: too large for what may be brought back"
            trial[place][key] = tensor
            used.add(place)
        self.files = trial
        for i in sorted(used):
            save_file(trial[i], self.folder / f"weights-{i + 1}.safetensors")
        return ", ".join(f"weights-{i + 1}.safetensors" for i in sorted(used))


def halved(tensor):
    """Floats in float16, on the CPU, on their own; what is no float as it is."""
    tensor = tensor.detach().cpu()
    return (tensor.half() if tensor.is_floating_point() else tensor).clone().contiguous()


def nbytes(tensor):
    return tensor.numel() * tensor.element_size()


def size(tensors):
    return sum(map(nbytes, tensors.values()))
