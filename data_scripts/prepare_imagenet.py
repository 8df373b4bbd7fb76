"""Prepare any ImageNet-like tree, {train,val}/<class>/*.JPEG, at 32x32 or 64x64 with its labels.

The set is called <name>-<size>; the name is the folder's unless --name says otherwise. val becomes
the test split; where there is only train/, every tenth picture is held out instead.
"""

import os
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from course_lib.paths import cache_root
from data_scripts import common, prepared_set, summary
from data_scripts.common import Problem

LAYOUT = "train/<class>/*.JPEG"
SUFFIXES = {".jpeg", ".jpg", ".png"}
# Address and md5 as in torchvision's Imagenette.
IMAGENETTE = "https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz"
IMAGENETTE_MD5 = "e793b78cc4c9e9a4ccc0c1155377a412"
WORDS = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}


def inside(folder):
    return folder if (folder / "train").is_dir() else None


def class_folders(folder):
    """Sorted names of the class folders of train/ or val/. Problem if there is none."""
    classes = sorted(e.name for e in os.scandir(folder) if e.is_dir() and e.name[0] != ".")
    if not classes:
        raise Problem(
            f"{folder}: the folder is empty of class folders; sort the pictures into {LAYOUT}"
        )
    return classes


def pictures(folder):
    """Sorted paths of one class's pictures. Problem if there is none."""
    entries = (e for e in os.scandir(folder) if e.name[0] != ".")
    files = sorted(e.path for e in entries if os.path.splitext(e.name)[1].lower() in SUFFIXES)
    if not files:
        raise Problem(
            f"{folder}: the folder is empty of pictures; restore them or remove the folder"
        )
    return files


def items_of(folder, classes):
    """[(path, label)] of train/ or val/; a class that is not in `classes` is a Problem."""
    items = []
    for name in class_folders(folder):
        if name not in classes:
            raise Problem(
                f"{folder / name}: train/ has no such class; remove the folder or add the class"
            )
        label = classes.index(name)
        items += [(path, label) for path in pictures(folder / name)]
    return items


def split_items(folder):
    """(class names, {split: items}, the rule in words)."""
    classes = class_folders(folder / "train")
    items = items_of(folder / "train", classes)
    if (folder / "val").is_dir():
        test = items_of(folder / "val", classes)
        return classes, {"train": items, "test": test}, "train/ and, as test, val/ of the source"
    if len(items) < 10:
        raise Problem(
            f"{folder}: without val/ at least 10 pictures are needed, {len(items)} found; add val/"
        )
    train = [item for i, item in enumerate(items) if i % 10 != 9]
    rule = "no val/: test is every tenth picture of train/, in order of class and name"
    return classes, {"train": train, "test": items[9::10]}, rule


def reader(folder, size):
    """read((path, label)) -> uint8 (3, size, size), label."""

    def read(item):
        path, label = item
        picture = common.open_picture(path, os.path.relpath(path, folder))
        return np.asarray(square(picture, size)).transpose(2, 0, 1), label

    return read


def square(picture, size):
    """Shorter side to `size`, then the centre square."""
    width, height = picture.size
    scale = size / min(width, height)
    width, height = max(size, round(width * scale)), max(size, round(height * scale))
    left, top = (width - size) // 2, (height - size) // 2
    resized = picture.resize((width, height), Image.Resampling.BILINEAR)
    return resized.crop((left, top, left + size, top + size))


def download():
    """Imagenette at 160 pixels, checked and unpacked into the cache; its folder."""
    archive = cache_root() / "downloads" / Path(IMAGENETTE).name
    unpacked = archive.with_suffix("")
    if not unpacked.exists():
        common.fetch([IMAGENETTE], IMAGENETTE_MD5, archive)
        common.unpack(archive, unpacked)
    return unpacked / "imagenette2-160"


def named_folder(args):
    """The folder of --source or COURSE_DATA; Problem if there is none."""
    folder = common.locate(args.source, args.name or "imagenette", inside, LAYOUT)
    if folder is None:
        raise Problem(
            f"no folder given: name one that holds {LAYOUT} with --source or COURSE_DATA (ImageNet "
            "itself: https://image-net.org/download, registered users), or --download imagenette"
        )
    return folder


def prepare(args):
    folder = None if args.download else named_folder(args)
    title = re.sub(r"[^\w-]+", "-", args.name or args.download or folder.resolve().name)
    name = f"{title}-{args.size}"
    out = args.out or cache_root() / "data" / name
    if summary.is_complete(out, args.again):
        return
    folder = folder or download()
    classes, splits, rule = split_items(folder)
    about = {
        "name": name,
        "source": f"{title}, a tree of {len(classes)} classes",
        "names": [WORDS.get(wnid, wnid) for wnid in classes],
        "recipe": f"RGB, shorter side to {args.size} (bilinear with antialiasing; smaller pictures "
        f"are enlarged), then the centre {args.size}x{args.size}",
        "split_rule": rule,
    }
    rows = {"x": np.dtype(("u1", (3, args.size, args.size))), "y": np.dtype("i8")}
    paths = [path for items in splits.values() for path, _ in items]
    mark = common.fingerprint(paths, about)
    prepared_set.build(out, about, splits, rows, reader(folder, args.size), mark, args.skip_bad)


def main(argv=None):
    parser = common.parser(__doc__, Path("cache/data/<name>-<size>"))
    parser.add_argument("--size", type=int, default=64, choices=(32, 64), help="pixels a side (64)")
    parser.add_argument("--name", help="name of the set (that of the folder)")
    parser.add_argument("--download", choices=("imagenette",), help="fetch this set first")
    parser.add_argument("--skip-bad", action="store_true", help="leave bad pictures out, list them")
    return common.run(prepare, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
