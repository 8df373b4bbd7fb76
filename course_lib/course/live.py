"""An explorer taken out of the notebook: the same function as an ONNX model, or as recorded frames.

Only while a report is built: explore() hands the files over beside the results, as results do.
What is made of them there, this file does not know.

The model's tensors lie in files of their own, named by their content, so that explorers of one net
share them; packing.py says how they are stored.
"""

import hashlib
import io
import itertools
import re
import traceback

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto
from onnx_ir.passes.common import DeduplicateInitializersPass
from PIL import Image

from course_lib.atomic import write_bytes
from course_lib.course import exporting, packing
from course_lib.course import ranges as of_ranges

MANY = 200_000  # bytes as float16; of a larger net the page may differ by more
FRAMES = 600  # at most, of at most two controls
SETTINGS = 5  # at which page and function are compared
HEAVY = 1_000_000  # bytes of frames; where they have more, levels are rounded to multiples
MULTIPLES = (1, 2, 4, 8)
# Levels of 255 by which page and function may differ, by how it is stored.
ALLOWED = {16: 1, 8: 5, "frames": 4}


class NotLive(ValueError):
    """Why an explorer cannot move in a page: one line that names it and what to do."""


def handed_over(function, about, name, how, folder):
    """Write the explorer's files to `folder` and describe them: a dictionary for its JSON."""
    settings = list(_settings(about))
    wanted = [_outputs(function, about, values) for values in settings]
    if how == "net":
        made = _net(function, about, name, folder, list(zip(settings, wanted, strict=True)))
    else:
        made = _frames(function, about, name, folder)
    if not made["error"] <= ALLOWED[made.get("bits", how)]:  # not a number, neither
        raise NotLive(f"explorer '{name}': {made['error']} of 255 levels from its function")
    sheet = torch.cat([outputs[0] for outputs in wanted])
    file = _written(folder, _webp(_tiled(sheet, len(wanted[0][0]))), "webp")
    return made | {"how": how, "settings": settings, "expected": file}


# ---- the function as a net ----------------------------------------------------------------------


def _net(function, about, name, folder, compared):
    program, (reason, size) = exporting.examined(function, about)
    if reason:
        raise NotLive(f"explorer '{name}': {reason}")
    exported = _as_onnx(program, name)
    DeduplicateInitializersPass()(exported.model)
    exact = exported.model_proto
    differs = lambda model: max(_error(_session(model), about, *one) for one in compared)
    for bits in (8, 16) if size > MANY else (16,):
        model = packing.small(exact, differs, ALLOWED[8]) if bits == 8 else packing.stored(exact)
        error = differs(model)
        if error <= ALLOWED[bits]:
            break
    tensors = _apart(model, folder)
    graph = model.SerializeToString()
    size = len(graph) + sum((folder / file).stat().st_size for file in tensors)
    parts = {"graph": _written(folder, graph, "onnx"), "tensors": tensors, "bits": bits}
    return parts | {"bytes": size, "error": round(error, 3)}


def _as_onnx(program, name):
    try:
        with exporting.silent():
            return torch.onnx.export(program, dynamo=True, verbose=False)
    except torch.onnx.errors.OnnxExporterError as error:  # pages of text
        causes = traceback.format_exception_only(error.__cause__ or error)
        operation = re.search(r"torch\.ops\.(?:aten\.)?([\w.]+)", "".join(causes))
        what = operation[1] if operation else type(error).__name__
        raise NotLive(
            f"explorer '{name}': {what} has no form in ONNX as it is used here; write it otherwise"
        ) from None


def _apart(model, folder):
    """Large tensors go to files named by their content: the names, in order."""
    files = []
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) >= packing.LARGE:
            file = _written(folder, tensor.raw_data, "bin")
            onnx.external_data_helper.set_external_data(tensor, file)
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            files.append(file)
    return sorted(set(files))


def _session(model):
    return onnxruntime.InferenceSession(model.SerializeToString())


def _error(session, about, values, wanted):
    """The largest difference: of a pixel in levels of 255, of a number where the longest bar has
    255."""
    names = [one.name for one in session.get_inputs()]
    given = [v.cpu().numpy() for v in exporting.inputs(about, values).values()]
    made = session.run(None, dict(zip(names, given, strict=True)))
    whole = [1.0, *(float(numbers.abs().max()) for numbers in wanted[1:])]
    pairs = zip(made, wanted, whole, strict=True)
    return max(
        255 * float(np.abs(m.reshape(w.shape) - w.numpy()).max()) / (most or 1.0)
        for m, w, most in pairs
    )


# ---- the function as frames ---------------------------------------------------------------------


def _frames(function, about, name, folder):
    """A sheet of what the function returns, a row for each place of the first control."""
    if not 1 <= len(about) <= 2 or any(one["kind"] == "area" for one in about.values()):
        raise NotLive(
            f"explorer '{name}': frames take one or two controls, and it has {len(about)}"
        )
    places = {key: of_ranges.places(one) for key, one in about.items()}
    counts = [len(values) for values in places.values()]
    if np.prod(counts) > FRAMES:
        raise NotLive(f"explorer '{name}': {np.prod(counts)} frames, more than {FRAMES}")
    all_values = (dict(zip(places, v, strict=True)) for v in itertools.product(*places.values()))
    frames = [_outputs(function, about, values)[0] for values in all_values]
    pixels = _tiled(torch.cat(frames), counts[-1] * len(frames[0]))
    for step in MULTIPLES:  # WebP's own loss halves the colours' side, and errs by up to 50 levels
        shown = (np.round(pixels / step) * step).clip(0, 255).astype(np.uint8)
        picture = _webp(shown)
        if len(picture) <= HEAVY:
            break
    else:
        raise NotLive(f"explorer '{name}': its frames have {len(picture):,} bytes; record fewer")
    error = int(np.abs(shown.astype(int) - pixels).max())
    parts = {"shape": list(frames[0].shape), "bytes": len(picture), "error": error}
    return parts | {"sheet": _written(folder, picture, "webp")}


# ---- both ---------------------------------------------------------------------------------------


def _outputs(function, about, values):
    """What the function returns, as a list of tensors on the CPU."""
    with torch.no_grad():
        made = function(**exporting.inputs(about, values))
    pictures, *numbers = [t.detach().cpu() for t in exporting.outputs(made)]
    return [pictures.view(1, 1, 1, -1) if pictures.ndim == 1 else pictures, *numbers]


def _settings(about):
    """The starts, the other ends, and places between: those that a page can be set to."""
    yield of_ranges.starts(about)
    yield of_ranges.others(about)
    for k in range(SETTINGS - 2):
        yield {key: of_ranges.between(one, k + i) for i, (key, one) in enumerate(about.items())}


def _tiled(pictures, columns):
    """Pictures (N, C, H, W) side by side, `columns` in a row: (rows H, columns W, 3) of bytes."""
    n, channels, height, width = pictures.shape
    levels = (pictures.clamp(0, 1) * 255).round().byte().expand(-1, 3, -1, -1)
    rows = levels.view(n // columns, columns, 3, height, width).permute(0, 3, 1, 4, 2)
    return rows.reshape(n // columns * height, columns * width, 3).numpy()


def _webp(pixels):  # quality: of the lossless way, how hard it tries
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "WEBP", lossless=True, quality=60, method=4)
    return file.getvalue()


def _written(folder, content, kind):
    file = f"{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
    write_bytes(folder / file, content)
    return file
