"""What the commands that publish cycles have in common: how they read their arguments and refuse them."""

import argparse
import sys
from typing import NoReturn

from habsim.cycle import Cycle
from habsim.errors import InvalidRequestError

USAGE = 3  # exit code


class Parser(argparse.ArgumentParser):
    """A parser whose exit code for wrong usage is `USAGE`."""

    def error(self, message: str) -> NoReturn:
        """Tell usage and `message`, and exit."""
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: error: {message}\n")


def cycle_of(text: str) -> Cycle:
    """Return the cycle that an argument names."""
    try:
        return Cycle(text)
    except InvalidRequestError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
