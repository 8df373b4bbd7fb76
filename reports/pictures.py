"""The pictures of an executed notebook lie once, as files beside its page: the notebook that a
report keeps refers to them, and has them back where a page is drawn anew or is committed.

A figure is made as PNG, and lies there as lossless WebP, which is smaller by a third.
"""

import base64
import functools
import html
import io

from PIL import Image

IMAGES = {"image/png": "png", "image/jpeg": "jpg"}


def pictures(nb, name):
    """(cell, output, kind, file name) of every picture that the notebook shows."""
    for cell in nb.cells:
        for n, output in enumerate(cell.get("outputs", []), 1):
            for kind in IMAGES.keys() & output.get("data", {}).keys():
                about = output.metadata.get(kind, {})
                place = about.get("name") or f"{name}-{cell.id}-{n}"
                yield cell, output, kind, file_name(f"{place}.{IMAGES[kind]}")


def file_name(name):
    """What a picture is called beside a page."""
    return f"{name.removesuffix('.png')}.webp" if name.endswith(".png") else name


@functools.lru_cache(64)  # a figure is shown, and kept
def stored(content):
    """The bytes of a picture beside a page: a PNG as lossless WebP, all else as it is."""
    if content[:8] != b"\x89PNG\r\n\x1a\n":
        return content
    file = io.BytesIO()
    Image.open(io.BytesIO(content)).save(file, "WEBP", lossless=True, quality=50, method=4)
    return file.getvalue()


def size(content):
    """(width, height), so that the page keeps its place before the picture is there; or None."""
    try:
        return Image.open(io.BytesIO(content)).size
    except OSError:
        return None


def refer(nb, name):
    """Put a reference to its file in the place of each picture."""
    for _, output, kind, file in list(pictures(nb, name)):
        about = output.metadata.setdefault(kind, {})
        about["file"] = file
        del output.data[kind]
        alt = html.escape(about.get("alt", ""))
        output.data["text/html"] = f'<img src="../figures/{file}" alt="{alt}">'


def restored(nb, folder):
    """The notebook with the pictures back that it refers to, from the files in `folder`."""
    for output in (o for cell in nb.cells for o in cell.get("outputs", [])):
        for kind in IMAGES.keys() & output.get("metadata", {}).keys():
            file = output.metadata[kind].pop("file", None)
            if file:
                content = in_notebook((folder / file).read_bytes())
                output.data[kind] = base64.b64encode(content).decode()
                del output.data["text/html"]
    return nb


def in_notebook(content):
    """A picture as a notebook holds it: WebP as PNG again, every level as it was."""
    if content[:4] != b"RIFF":
        return content
    file = io.BytesIO()
    Image.open(io.BytesIO(content)).save(file, "PNG")
    return file.getvalue()
