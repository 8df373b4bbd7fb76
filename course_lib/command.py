"""The parser of the course's commands."""

import argparse


class Parser(argparse.ArgumentParser):
    """Says a mistake on the command line in one line, without the usage."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")
