"""Does a picture hold a face? A stock detector says so, which was trained on photographs alone and
never on a picture of this course: the Haar cascade for frontal faces of OpenCV 4 (Viola & Jones
2001; Lienhart & Maydt 2002). docs/metrics.md shows on real pictures what it sees and what not.
"""

import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch

from course_lib.evaluation import stats

CASCADE = Path(cv2.data.haarcascades) / "haarcascade_frontalface_default.xml"
SIDE = 192  # pixels to which a picture is enlarged: the detector was made for faces in photographs
SMALLEST = 70  # pixels of the 192: smaller "faces" are eyes, curls and chance
LARGE = 1.7  # times the smallest: most faces are larger, and this search costs a third of the whole
ALIKE = 0.2  # hits whose edges differ by less, of their size, are of one face: OpenCV's own default
cv2.setNumThreads(1)  # a picture is small: pictures go side by side instead


@functools.cache
def _detector(thread):
    """One for each thread: it works on one picture at a time, and takes 40 ms to read."""
    detector = cv2.CascadeClassifier(str(CASCADE))
    if detector.empty():
        raise FileNotFoundError(f"{CASCADE} is missing: OpenCV 4 has it, run `make install`")
    return detector


def faces_found(x, margin=48, step=1.1, neighbours=3, smallest=SMALLEST):
    """True where a face is found: pictures (N, C, H, W), in [0, 1] or uint8, C 1 or 3 -> bool (N,).

    margin: pixels of the 192 by which the outermost ones are repeated on each side, so that a face
    that fills its picture is found too. step: by how much the searched size grows from one pass to
    the next. neighbours: how many hits must overlap. These two are OpenCV's own defaults. smallest:
    pixels of the 192; larger is faster, where a face fills its picture.
    """
    x = torch.as_tensor(x).detach().cpu()
    x = x if x.dtype == torch.uint8 else (255 * x).round().clamp(0, 255).byte()
    pictures = x.permute(0, 2, 3, 1).contiguous().numpy()
    n = torch.get_num_threads()

    def look(part, thread):
        how = _detector(thread), step, neighbours, smallest
        return [_is_found(_enlarged(picture, margin), *how) for picture in part]

    with ThreadPoolExecutor(n) as pool:
        parts = pool.map(look, np.array_split(pictures, n), range(n))
        return torch.tensor(sum(parts, []), dtype=torch.bool)


def _enlarged(picture, margin):
    """One picture (H, W, C), uint8, in grey and as large as the detector is given it."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if picture.shape[2] == 3 else picture
    grey = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR_EXACT)  # same everywhere
    return cv2.copyMakeBorder(grey, *[margin] * 4, cv2.BORDER_REPLICATE)


def _is_found(grey, detector, step, neighbours, smallest):
    """Large faces are sought first, for which there are few places. One that enough hits agree on
    is found by the whole search too, since more hits make no group of them smaller."""
    large, hits = round(LARGE * smallest), []
    for least, most in ((large, 0), (smallest, large - 1)):  # no limit, and below the large ones
        sizes = {"minSize": (least, least), "maxSize": (most, most)}
        boxes = detector.detectMultiScale(grey, step, 0, **sizes)
        hits += np.reshape(boxes, (-1, 4)).astype(int).tolist()
        if hits and len(cv2.groupRectangles(hits, neighbours, ALIKE)[0]):
            return True
    return False


def share_found(x):
    """Share of pictures in which a face is found, with its 95 % interval: (share, low, high)."""
    return stats.share(faces_found(x))


def close_up_share(x):
    """Share of close-ups (N, C, H, W) in which a face is found. It fills the picture, so there is a
    wider margin, smaller steps of size, and no search for small faces."""
    return float(faces_found(x, margin=72, step=1.03, smallest=140).float().mean())
