"""The pictures of an executed notebook lie once, as files beside its page: the notebook that a
report keeps refers to them, and has them back where a page is drawn anew or is committed."""

import base64
import html

IMAGES = {"image/png": "png", "image/jpeg": "jpg"}


def pictures(nb, name):
    """(cell, output, kind, file name) of every picture that the notebook shows."""
    for cell in nb.cells:
        for n, output in enumerate(cell.get("outputs", []), 1):
            for kind in IMAGES.keys() & output.get("data", {}).keys():
                about = output.metadata.get(kind, {})
                place = about.get("name") or f"{name}-{cell.id}-{n}"
                yield cell, output, kind, f"{place}.{IMAGES[kind]}"


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
                content = (folder / file).read_bytes()
                output.data[kind] = base64.b64encode(content).decode()
                del output.data["text/html"]
    return nb
