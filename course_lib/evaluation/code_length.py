"""What pictures cost in bits when they are stored in files without loss."""

import io

from PIL import Image

COLUMNS = 10


def file_bits(x, form, n=100):
    """Bits per dimension of the first n pictures x (N, C, H, W), uint8, in one lossless file.

    form: "PNG" or "WebP". n is a multiple of ten. The pictures lie side by side as one large one,
    so that what each file says about itself does not count many times.
    """
    rows = x[:n].cpu().unflatten(0, (-1, COLUMNS)).permute(0, 3, 1, 4, 2)  # rows, H, columns, W, C
    sheet = rows.flatten(2, 3).flatten(0, 1).numpy()
    file = io.BytesIO()
    how = dict(lossless=True, quality=75, method=6) if form == "WebP" else dict(optimize=True)
    Image.fromarray(sheet.squeeze()).save(file, form, **how)
    return 8 * len(file.getvalue()) / sheet.size
