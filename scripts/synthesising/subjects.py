"""The people of a set: who they are, and how each is turned into pictures."""

import csv
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

import backdrops
import composing
import conditions
import developing
import expression_families
import fitting
import furrows
import head_model
import photograph
import template
from catalogue import SetError


@dataclass(frozen=True)
class Subject:
    name: str
    photograph: str  # path, "" for a painted head
    age: str
    gender: str
    ethnicity: str


@dataclass
class Rendered:
    """A finished picture and its row of the table."""

    image: Image.Image
    quality: int
    moved: np.ndarray  # (H, W) pixels
    row: dict


def stream(seed, subject, *purpose):
    """Random numbers of one purpose: the same for a picture whatever else is rendered, and in whatever order."""
    return np.random.default_rng([seed, zlib.crc32(subject.encode()), *purpose])


@lru_cache(maxsize=1)
def model(path):
    try:
        return head_model.load(path)
    except (OSError, ValueError, KeyError) as problem:
        raise SetError(
            f"{path}: not the ICT-FaceKit head as arrays (expected a NumPy .npz with V, tri, ex, E and I): {problem}"
        ) from problem


def photographed(folder):
    """Subjects of a folder laid out like the London set; every part that is missing is named."""
    folder = Path(folder)
    for name, what in (
        ("neutral", "a folder of neutral photographs, NAME.jpg"),
        ("neutral_landmarks_189.json", "a JSON object {name: 189 pairs of pixels}"),
        ("london_info.csv", "a table face_id,face_age,face_gender,face_eth"),
    ):
        if not (folder / name).exists():
            raise SetError(f"{folder / name} is missing: expected {what}")
    points = landmark_points(str(folder))
    with open(folder / "london_info.csv", newline="") as file:
        people = {row["face_id"]: row for row in csv.DictReader(file)}
    subjects = []
    for name in sorted(points):
        path = folder / "neutral" / f"{name}.jpg"
        if path.exists():
            person = people.get(name, {})
            about = (person.get(key, "") or "" for key in ("face_age", "face_gender", "face_eth"))
            subjects.append(Subject(name, str(path), *about))
    if not subjects:
        raise SetError(f"{folder / 'neutral'}: no photograph has the name of an entry in neutral_landmarks_189.json")
    return subjects


@lru_cache(maxsize=1)
def landmark_points(folder):
    path = Path(folder) / "neutral_landmarks_189.json"
    try:
        entries = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise SetError(f"{path}: not readable as JSON: {problem}") from problem
    for name, entry in entries.items():
        if np.shape(entry) != (template.POINTS, 2):
            raise SetError(f"{path}: entry {name} has shape {np.shape(entry)}, expected {template.POINTS} pairs")
    return entries


@lru_cache(maxsize=1)
def head_of(subject, model_path, seed):
    """The photographed head, ready to act; kept for the pictures of the same person."""
    try:
        picture = np.asarray(Image.open(subject.photograph).convert("RGB"))
    except OSError as problem:
        raise SetError(f"{subject.photograph}: not a picture that can be read: {problem}") from problem
    points = _points_of(subject)
    if points.min() < 0 or (points.max(axis=0) > [picture.shape[1], picture.shape[0]]).any():
        raise SetError(
            f"{subject.photograph}: landmarks lie outside its {picture.shape[1]} x {picture.shape[0]} pixels"
        )
    head, fit = model(model_path), fit_of(subject, model_path)
    relief = furrows.Relief(_years(subject), stream(seed, subject.name, 1))
    return composing.Head(head, fit, photograph.layers(picture, points, head, fit), relief)


def fit_of(subject, model_path):
    points = _points_of(subject)
    return fitting.fit(model(model_path), template.landmarks(points), points)


def _points_of(subject):
    return np.array(landmark_points(str(Path(subject.photograph).parent.parent))[subject.name])


def _years(subject):
    try:
        return float(subject.age)
    except ValueError:
        return 30.0


def render(subject, expression, variant, model_path, seed, size):
    number = expression_families.EXPRESSIONS.index(expression)
    first = int(stream(seed, subject.name, 2, number).integers(60))
    family, strength, weights = expression_families.draw(
        expression, first + variant, stream(seed, subject.name, 3, number, variant)
    )
    around = conditions.draw(stream(seed, subject.name, 4, number, variant), sorted(backdrops.PAINTERS))
    if subject.photograph:
        picture = composing.compose(head_of(subject, model_path, seed), weights, around, size)
    else:
        import painted  # it needs this module's random streams

        picture = painted.compose(model(model_path), subject, weights, around, seed, size)
    image = developing.develop(picture.colour, around.camera, around.random)
    row = {
        "subject": subject.name,
        "expression": expression,
        "family": family,
        "variant": variant,
        "strength": f"{strength:.3f}",
        "seed": seed,
        "yaw": f"{around.pose.yaw:.2f}",
        "pitch": f"{around.pose.pitch:.2f}",
        "roll": f"{around.pose.roll:.2f}",
        "age": subject.age,
        "gender": subject.gender,
        "ethnicity": subject.ethnicity,
        "moved_scale_pixels": f"{picture.moved.max():.4f}",
    }
    for landmark, (x, y) in enumerate(picture.landmarks, start=1):
        row[f"x{landmark}"], row[f"y{landmark}"] = f"{x:.2f}", f"{y:.2f}"
    for name in model(model_path).expression_names:
        row[name] = f"{weights.get(name, 0.0):.4f}"
    return Rendered(image, around.camera.quality, picture.moved, row)
