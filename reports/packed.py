"""The pictures inside a committed notebook, made small: the report's own files keep every level."""

import base64
import io

from PIL import Image

from course_lib.course.compact import compact


def packed(output):
    """With its picture compact; a grid of photographs as a JPEG, which is a third of a PNG."""
    data = output.get("data", {})
    if "image/png" in data:
        picture = compact(base64.b64decode(data.pop("image/png")))
        about = output.metadata.pop("image/png", {})
        photograph = jpeg(picture)
        kind = "image/jpeg" if len(photograph) < 0.9 * len(picture) else "image/png"
        chosen = photograph if kind == "image/jpeg" else picture
        data[kind] = base64.b64encode(chosen).decode()
        output.metadata[kind] = about
    return output


def jpeg(picture):
    file = io.BytesIO()
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    image.save(file, "JPEG", quality=85, subsampling=0)  # optimize=True fails on large ones
    return file.getvalue()
