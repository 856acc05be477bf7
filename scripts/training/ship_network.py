"""Puts a trained network among those ferscope ships.

Copies NAME.onnx, its golden pair, its card and that of all folds into the models folder and writes its entry in
models.toml, in place of an earlier one of that name; networks of one size share the golden picture. Then
`ferscope models verify` must find it sound.

    scripts/ship-network runs/weinet-7/fold-1/weinet-7-fold-1-int8-weights.onnx --name weinet-7
"""

import argparse
import json
import pathlib
import re
import shutil
import tomllib

from PIL import Image

import ferscope
import files
from errors import Failure, run_command

# A network trained on our own renders is ours; NOTICE names whose data the renders are made of.
LICENCE = "MIT OR Apache-2.0"


def arguments(words):
    parser = argparse.ArgumentParser(
        prog="scripts/ship-network", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("network", metavar="FILE.onnx", help="what scripts/train wrote, with its .toml beside it")
    parser.add_argument("--name", help="as users say it after --network [as the file]")
    parser.add_argument("--source", default="scripts/synthesise and scripts/train", help="where the weights come from")
    parser.add_argument("--licence", default=LICENCE, help=f"SPDX name [{LICENCE}]")
    parser.add_argument("--models", default=ferscope.ROOT / "models", help="[models]")
    return parser.parse_args(words)


def golden_picture(description):
    """Where the models folder has the golden picture of networks of this size; scripts/convert-models calls it so too."""
    return f"golden/face-{tomllib.loads(description)['input']['width']}-grey.png"


def pixels(path):
    """What two pictures are compared by: the same pixels may be packed otherwise on another machine."""
    with Image.open(path) as picture:
        return picture.convert("L").tobytes()


def entry(description, name, source, licence):
    """The table of models.toml for a description as `export.describe` writes it."""
    lines = description.strip().splitlines()
    values = {
        "name": name,
        "file": f"{name}.onnx",
        "licence": licence,
        "source": source,
        "input": golden_picture(description),
        "output": f"golden/{name}.npy",
    }
    result = ["[[model]]", 'job = "expression"']
    for line in lines:
        table = re.fullmatch(r"(\[+)(\w+)(\]+)", line)
        key, _, _ = line.partition(" = ")
        if table:
            opening, word, closing = table.groups()
            result.append(f"{opening}model.{word}{closing}")
        # `name` is also a field of the output.
        elif key in values and not (key == "name" and result[-1] == "[[model.output]]"):
            result.append(f"{key} = {json.dumps(values[key], ensure_ascii=False)}")
        elif line:
            result.append(line)
    return "\n".join(result) + "\n"


def tables(manifest):
    """The head of models.toml, and each network's table by its name."""
    head, *rest = re.split(r"(?m)^(?=\[\[model\]\]$)", manifest)
    names = [re.search(r'(?m)^name = "(.*)"$', table) for table in rest]
    return head, {name.group(1): table.rstrip() + "\n" for name, table in zip(names, rest) if name}


def main(words=None):
    chosen = arguments(words)
    network = pathlib.Path(chosen.network).absolute()
    name = chosen.name or network.stem
    models = pathlib.Path(chosen.models)
    described = network.with_suffix(".toml")
    # The card is that of the float form.
    card = network.with_name(re.sub(r"-int8(-weights)?$", "", network.stem) + ".md")
    picture, answer = (network.with_name(f"{network.stem}.golden.{ending}") for ending in ("png", "npy"))
    for path in (network, described, card, picture, answer, models / "models.toml"):
        if not path.is_file():
            raise Failure(f"{path}: no such file: give a network as scripts/train leaves it")
    description = described.read_text()
    shared = models / golden_picture(description)
    if not shared.is_file():
        shutil.copyfile(picture, shared)
    elif pixels(shared) != pixels(picture):
        raise Failure(
            f"{picture}: is not {shared}, which the networks of this size share: export the network again with the drawing "
            "models/golden/face-256.png and the packages of today, or delete the shared one and ship all of this size again"
        )
    shutil.copyfile(network, models / f"{name}.onnx")
    shutil.copyfile(answer, models / "golden" / f"{name}.npy")
    (models / "cards").mkdir(exist_ok=True)
    title = f"# {name}\n\nTrained on: {chosen.source}.\n"
    text = card.read_text().replace(f"# {card.stem}\n", title, 1)
    files.write_text(models / "cards" / f"{name}.md", text)
    of_folds = network.parent.with_name(f"{network.parent.parent.name}.md")
    # That of one fold alone would take the place of a better one.
    if of_folds.is_file() and not of_folds.read_text().startswith(f"# {of_folds.stem}: 1 of "):
        shutil.copyfile(of_folds, models / "cards" / f"{of_folds.stem}-folds.md")
    head, known = tables((models / "models.toml").read_text())
    known[name] = entry(description, name, chosen.source, chosen.licence)
    files.write_text(models / "models.toml", "\n".join([head.rstrip() + "\n", *known.values()]))
    print(f"{models / f'{name}.onnx'}: shipped; now run `ferscope models verify`")
    return 0


if __name__ == "__main__":
    run_command(main)
