"""What a user can mend: told in plain words, never as a traceback."""

import sys


class Failure(Exception):
    """Something wrong with what the user gave; the message names file, place and remedy."""


def run_command(command, resumption=""):
    """Runs `command()`, which returns an exit code; failures and interruptions end in one line and a code.

    `resumption` says what is left of an interrupted one.
    """
    try:
        sys.exit(command())
    except Failure as failure:
        print(f"ferscope: {failure}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"ferscope: {place}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nferscope: interrupted" + resumption, file=sys.stderr)
        sys.exit(130)
    except MemoryError:
        print("ferscope: out of memory: give a smaller --micro-batch, or train fewer networks at once", file=sys.stderr)
        sys.exit(2)
