"""The appliance's own program: it cuts the crops, and it is what exported networks must run in."""

import os
import pathlib
import shutil
import subprocess

from errors import Failure

# What the program says of a picture in which there is nobody; all else that it says of pictures is a fault.
NO_FACE = "no face found"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def find(named=None):
    """The program's path: what the user named, the one built in this repository, or one on the PATH; None without."""
    named = named or os.environ.get("FERSCOPE")
    if named:
        if not os.access(named, os.X_OK):
            raise Failure(f"{named}: is no program that can be run: give the path of ferscope")
        return pathlib.Path(named).resolve()
    built = ROOT / "target" / "release" / "ferscope"
    if built.exists():
        return built
    found = shutil.which("ferscope")
    return pathlib.Path(found) if found else None


def require(named=None):
    program = find(named)
    if program is None:
        raise Failure(
            "the program ferscope is needed to cut the faces: build it with `cargo build --release`, "
            "or name it with --ferscope PATH"
        )
    return program


def run(program, *arguments, accepted=(0,)):
    """Runs `ferscope ARGUMENTS`; gives its standard output and standard error. A failure tells what it said last."""
    words = [str(program), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in accepted:
        said = "\n".join(done.stderr.strip().splitlines()[-5:])
        raise Failure(f"`ferscope {arguments[0]}` failed (exit code {done.returncode}):\n{said}")
    return done.stdout, done.stderr


def version(program):
    """As it names itself: ferscope 0.1.0."""
    return run(program, "--version")[0].strip()


def problems(told, pictures):
    """{picture: what was wrong with it}: what `ferscope` told of pictures, as they were named to it; often NO_FACE."""
    starts = {f"ferscope: {picture}: ": picture for picture in pictures}
    return {
        picture: line.removeprefix(start)
        for line in told.splitlines()
        for start, picture in starts.items()
        if line.startswith(start)
    }
