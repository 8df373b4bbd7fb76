"""Prepare CelebA: aligned faces, cropped to the centre, at 64x64, with all 40 attributes.

Reads the publisher's layout: img_align_celeba/NNNNNN.jpg beside list_attr_celeba.txt and, if it is
there, list_eval_partition.txt. Works on the published size (178x218) and on half of it (89x109).
With list_eval_partition.txt every picture of the attribute list must be there; without it the
folder is taken for a subset that somebody chose, and its last tenth is the test split.
"""

import itertools
import os
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from course_lib.paths import cache_root
from data_scripts import common, prepared_set, summary
from data_scripts.common import BadItem, Problem

PAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
LAYOUT = "img_align_celeba/ and list_attr_celeba.txt"
IMAGES = "img_align_celeba"
SUFFIXES = {".jpg", ".jpeg", ".png"}
MD5 = {
    "list_attr_celeba.txt": "75e246fa4810816ffd6ee81facbd244c",
    "list_eval_partition.txt": "d32c9cbf5e040fd4025c592c306e6668",
}
# The usual centre square, 148 of 178 pixels: the pixels that torchvision's CenterCrop(148) takes,
# and CenterCrop(74) at half size. (NVAE's box lies 5 pixels lower: 15, 40, 163, 188.)
BOXES = {(178, 218): (15, 35, 163, 183), (89, 109): (8, 18, 82, 92)}
PARTITIONS = {"0": "train", "1": "val", "2": "test"}


def inside(folder):
    return folder if (folder / IMAGES).is_dir() else None


def check_md5(path, skip_checks):
    """Problem unless the list is the publisher's own: an altered one mislabels faces unseen."""
    digest = common.md5_of(path)
    if digest != MD5[path.name] and not skip_checks:
        raise Problem(
            f"{path}: wrong hash: md5 {MD5[path.name]} expected, {digest} found; fetch it again "
            f"from {PAGE}, or accept your own version with --skip-checks"
        )


def read_attributes(path):
    """Names of the attributes, and {number: uint8 (A,) of 0 and 1}; Problem with the line.

    A picture's number is its file name without the suffix: it may have been saved as .png or .JPG.
    """
    text = read_list(path).rstrip()
    count, header, *lines = text.splitlines() if "\n" in text else (text, "")
    names, table = header.split(), {}
    for number, line in enumerate(lines, 3):
        name, *values = line.split() or [""]
        if len(values) != len(names) or not {"1", "-1"}.issuperset(values):
            raise malformed(path, number, f"a file name and {len(names)} values of 1 or -1")
        table[Path(name).stem] = np.array([value == "1" for value in values], np.uint8)
    if not names or count.strip() != str(len(lines)):
        raise Problem(
            f"{path}: the first line announces {count.strip()[:20] or 'nothing'}, but {len(lines)} "
            f"rows follow: the file is truncated or altered; fetch it again from {PAGE}"
        )
    return names, table


def read_list(path):
    """A list's text; an editor may have put a byte order mark before it."""
    return path.read_text(encoding="utf-8-sig", errors="replace")


def malformed(path, number, wanted):
    return Problem(
        f"{path}: line {number} is malformed, not {wanted}; fetch the file again from {PAGE}"
    )


def read_partition(path):
    """{number: "train", "val" or "test"}, the publisher's."""
    table = {}
    for number, line in enumerate(read_list(path).splitlines(), 1):
        name, *rest = line.split() or [""]
        if len(rest) != 1 or rest[0] not in PARTITIONS:
            raise malformed(path, number, "a file name and 0, 1 or 2")
        table[Path(name).stem] = PARTITIONS[rest[0]]
    return table


def split_paths(paths, partition):
    """({split: paths}, the rule in words); `partition` is None without the publisher's list."""
    splits = {split: [] for split in PARTITIONS.values()}
    for path in paths:
        if partition and path.stem not in partition:
            raise Problem(f"{path}: no row in list_eval_partition.txt; fetch it again from {PAGE}")
        splits[partition[path.stem] if partition else "train"].append(path)
    if splits["train"] and splits["test"]:
        return {s: files for s, files in splits.items() if files}, "the publisher's partition"
    n = max(1, len(paths) // 10)
    why = (
        "no official test face is here" if splits["train"] else "no official training face is here"
    )
    why = why if partition else "no list_eval_partition.txt"
    return {"train": paths[:-n], "test": paths[-n:]}, f"test is the last tenth by number ({why})"


def picture_size(paths):
    """The size that all pictures must have: that of the first one that has a size we know."""
    for path in paths:
        try:
            with Image.open(path) as picture:
                if picture.size in BOXES:
                    return picture.size
        except common.UNDECODABLE as error:
            if isinstance(error, PermissionError):
                raise
    raise Problem(
        f"{paths[0]}: neither this picture nor any other is 178x218 or 89x109; "
        f"take img_align_celeba.zip from {PAGE}"
    )


def reader(size, known, pixels):
    """read(path) -> uint8 (3, pixels, pixels), uint8 (A,); `known` is the attribute table."""

    def read(path):
        name = f"{IMAGES}/{path.name}"
        if path.stem not in known:
            raise BadItem(path, name, "no attribute row in list_attr_celeba.txt")
        picture = common.open_picture(path, name)
        if picture.size != size:
            actual, wanted = ("{}x{}".format(*pair) for pair in (picture.size, size))
            raise BadItem(path, name, f"the picture is {actual}, not {wanted}")
        face = picture.crop(BOXES[size]).resize((pixels, pixels), Image.Resampling.BILINEAR)
        return np.asarray(face).transpose(2, 0, 1), known[path.stem]

    return read


def download():
    """torchvision's download, unless done before; if Google Drive refuses, how to do it by hand."""
    root = cache_root() / "downloads"
    if inside(root / "celeba"):
        return root / "celeba"
    print(f"fetching CelebA (1.4 GB) to {root / 'celeba'}")
    from torchvision.datasets import CelebA  # here: it takes seconds and is seldom needed

    part = root / "celeba.part"
    # torchvision takes pictures for unpacked as soon as their folder is there: a run that was
    # killed while it unpacked has left that folder, and only a whole one gets the name celeba
    shutil.rmtree(part / "celeba" / IMAGES, ignore_errors=True)
    try:
        CelebA(part, download=True)
    except (RuntimeError, OSError) as error:
        raise Problem(by_hand(root / "celeba", error)) from error
    os.replace(part / "celeba", root / "celeba")
    return root / "celeba"


def by_hand(folder, error):
    why = str(error).rstrip(".")
    return (
        f"{folder}: CelebA could not be downloaded ({why}); its Google Drive has a daily quota. "
        f"By hand: from {PAGE} take img_align_celeba.zip (folder Img), list_attr_celeba.txt ("
        "folder Anno) and list_eval_partition.txt (folder Eval); put all three into "
        f"{folder}, unpack the zip there ({how_to_unpack(folder)}), and "
        "run this again (or put all of it elsewhere and give that folder with --source)"
    )


def how_to_unpack(folder):
    """The command that makes img_align_celeba/ of the publisher's archive, where that lies."""
    name = f"{IMAGES}.zip"
    packed = next((p for p in (folder / name, folder / IMAGES / name) if p.exists()), folder / name)
    return common.how_to_unpack(packed, folder)


def listing(folder):
    """All pictures, sorted by number; some tools unpack them one folder deeper."""
    images = folder / IMAGES
    deeper = images / IMAGES
    paths = pictures_in(deeper if deeper.is_dir() else images)
    if not paths:
        raise Problem(
            f"{images}: no picture is in this folder; with img_align_celeba.zip (from {PAGE}) in "
            f"{folder} run {how_to_unpack(folder)}"
        )
    for path, following in itertools.pairwise(paths):
        if path.stem == following.stem:
            raise Problem(f"{path}: the same number as {following.name}; remove one of the two")
    return paths


def pictures_in(folder):
    return sorted(p for p in common.visible(folder) if p.suffix.lower() in SUFFIXES)


def check_whole(folder, paths, known):
    """Problem where pictures of the list are missing: a folder that was unpacked in part."""
    missing = sorted(set(known) - {path.stem for path in paths})
    if missing:
        raise Problem(
            f"{folder / IMAGES}: {len(known) - len(missing):,} of the {len(known):,} pictures in "
            f"list_attr_celeba.txt are here, {missing[0]}.jpg is not; run {how_to_unpack(folder)}, "
            f"or, if these are all that you want, give a folder without list_eval_partition.txt "
            "with --source"
        )


def tables(folder, skip_checks):
    """(attribute names, attribute table, partition table or None), their hashes checked."""
    attributes, partition = (folder / name for name in MD5)
    if not attributes.exists():
        raise Problem(f"{attributes}: the file is missing; put it there from {PAGE} (folder Anno)")
    check_md5(attributes, skip_checks)
    if not partition.exists():
        return *read_attributes(attributes), None
    check_md5(partition, skip_checks)
    return *read_attributes(attributes), read_partition(partition)


def prepare(args):
    name = "celeba" if args.size == 64 else f"celeba-{args.size}"
    out = args.out or cache_root() / "data" / name
    if summary.is_complete(out, args.again):
        return
    folder = common.locate(args.source, "celeba", inside, LAYOUT) or download()
    paths = listing(folder)
    names, known, partition = tables(folder, args.skip_checks)
    if partition or folder == cache_root() / "downloads" / "celeba":
        check_whole(folder, paths, known)
    splits, rule = split_paths(paths, partition)
    size = picture_size(paths)
    about = {
        "name": name,
        "source": f"CelebA, Liu et al. 2015, aligned, {size[0]}x{size[1]}"
        + (f", {len(paths):,} of {len(known):,} pictures" if len(paths) < len(known) else "")
        + (", lists not checked" if args.skip_checks else ""),
        "names": names,
        "recipe": f"centre crop, box {BOXES[size]} of {size[0]}x{size[1]}, "
        f"then {args.size}x{args.size}, bilinear with antialiasing",
        "split_rule": rule,
    }
    rows = {"x": np.dtype(("u1", (3, args.size, args.size))), "y": np.dtype(("u1", (len(names),)))}
    lists = [path for path in (folder / name for name in MD5) if path.exists()]
    mark = common.fingerprint(paths + lists, about)
    read = reader(size, known, args.size)
    prepared_set.build(out, about, splits, rows, read, mark, args.skip_bad)


def main(argv=None):
    parser = common.parser(__doc__, Path("cache/data/celeba"))
    parser.add_argument("--size", type=int, default=64, choices=(32, 64), help="pixels a side (64)")
    parser.add_argument("--skip-bad", action="store_true", help="leave bad pictures out, list them")
    parser.add_argument("--skip-checks", action="store_true", help="accept lists of another md5")
    return common.run(prepare, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
