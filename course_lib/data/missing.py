"""What is said of a set that is not there, in the words of the person who has to get it."""

import re


class DataMissing(FileNotFoundError):
    """The set is not there or not whole; the message is what brings it."""


def how_to_prepare(name):
    """The command that prepares a set: celeba, celeba-32, or <name>-<size> of a class tree."""
    title, size = re.fullmatch(r"(.*?)(?:-(32|64))?", name).groups()
    options = f" --size {size or 64}"
    if title == "celeba":
        command = "prepare_celeba --source FOLDER" + (options if size else "")
        instead = "or without --source to download it"
    else:
        command = f"prepare_imagenet --source FOLDER --name {title}{options}"
        instead = "with FOLDER a tree train/<class>/*.JPEG"
    if title == "imagenette":
        instead = f"or `--download imagenette{options}` in place of its options"
    return (
        f"Run `python -m data_scripts.{command}`, {instead}. "
        "Always there are mnist, photos, faces and closeups."
    )
