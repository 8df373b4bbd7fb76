"""What is said of a set that is not there, in the words of the person who has to get it."""


class DataMissing(FileNotFoundError):
    """The set is not there or not whole; the message is what brings it."""


def how_to_prepare(name):
    """The command that prepares a set."""
    script = "celeba" if name == "celeba" else "imagenet"
    return (
        f"The data set '{name}' is not prepared. Run `python -m data_scripts.prepare_{script} "
        "--source FOLDER` (or without --source to see what it can download). "
        "Always there are mnist, photos, faces and closeups."
    )
