"""Pictures: `data.load("faces", "test", 500)`, and what is done with them before a model sees them.

The sets are in `sets`, passes over them in `batches`, warps and shifts in `augment`, pictures that
a model was not trained on in `outliers`, the renderer of faces in `faces`.
"""

from course_lib.data.batches import Batches, binarise, downsample, in_batches, pixels
from course_lib.data.missing import DataMissing
from course_lib.data.sets import (
    Images,
    about,
    closeups,
    digest,
    face_factors,
    load,
)

__all__ = [
    "Batches",
    "DataMissing",
    "Images",
    "about",
    "binarise",
    "closeups",
    "digest",
    "downsample",
    "face_factors",
    "in_batches",
    "load",
    "pixels",
]
