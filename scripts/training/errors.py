"""What a user can mend: told in plain words, never as a traceback."""

import sys


class Failure(Exception):
    """Something wrong with what the user gave; the message names file, place and remedy."""


def run_command(command):
    """Runs `command()`, which returns an exit code; failures and interruptions end in one line and a code."""
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
        print("\nferscope: interrupted; the same command goes on where it stopped", file=sys.stderr)
        sys.exit(130)
    except MemoryError:
        print("ferscope: out of memory: give a smaller --batch, or train fewer networks at once", file=sys.stderr)
        sys.exit(2)
