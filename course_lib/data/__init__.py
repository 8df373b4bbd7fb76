"""Pictures: `data.load("faces", "test", 500)`, and what is done with them before a model sees them.

Sets are opened in `sets`; those that are always there are in `mnist` and `embedded`, the renderer
of faces in `faces`. Passes over pictures are in `batches`, warps and shifts in `augment`, pictures
that a model was not trained on in `outliers`.
"""

from course_lib.data.batches import Batches, binarise, downsample, in_batches, pixels
from course_lib.data.missing import DataMissing
from course_lib.data.sets import (
    Images,
    about,
    closeup_pairs,
    closeups,
    digest,
    face_factors,
    face_halves,
    load,
)

__all__ = [
    "Batches",
    "DataMissing",
    "Images",
    "about",
    "binarise",
    "closeup_pairs",
    "closeups",
    "digest",
    "downsample",
    "face_factors",
    "face_halves",
    "in_batches",
    "load",
    "pixels",
]
