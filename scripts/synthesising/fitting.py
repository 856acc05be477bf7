"""Fitting the ICT head to a photograph's landmarks: a scaled camera without perspective, identity, resting eyelids.

Camera space: pixels of the photograph, x right, y down, z towards the camera, z = 0 at the model's own origin.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from head_model import LANDMARK_VERTICES
from template import JAW

IDENTITY_MODES = 60
ROUNDS = 12
LANDMARK_NOISE = 1.0  # pixels of an 800 pixel photograph: how far a landmark may miss before identity bends for it
JAW_NOISE = 2.0  # the jaw's landmarks are only known across the outline, not along it
# Shapes a face at rest may carry, with the spread to expect.
RESTING_SHAPES = {"eyeBlink_L": 0.3, "eyeBlink_R": 0.3, "mouthPress_L": 0.3, "mouthPress_R": 0.3}


@dataclass
class Fit:
    neutral: np.ndarray  # (V, 3) camera space, the face as photographed
    axes: np.ndarray  # (3, 3) a model-space difference d is axes @ d in camera space
    resting: dict  # weights of the RESTING_SHAPES that the photograph shows
    residual: float  # mean distance of landmarks 18 to 68 in pixels, before they are pinned
    angles: tuple  # yaw, pitch, roll of the photographed head in degrees


def fit(model, landmarks, outline_points):
    """landmarks (68, 2) and the template's points (189, 2), pixels."""
    outline = np.asarray(outline_points)[list(JAW)]
    rest = model.rest[LANDMARK_VERTICES]
    modes = model.identities[:IDENTITY_MODES, LANDMARK_VERTICES].astype(np.float64)
    resting = np.stack(
        [
            spread * model.expressions[model.expression_names.index(name), LANDMARK_VERTICES]
            for name, spread in RESTING_SHAPES.items()
        ]
    )
    bases = np.concatenate([modes, resting])
    noise = np.full(68, LANDMARK_NOISE)
    noise[:17] = JAW_NOISE
    weight = 1 / noise
    target = landmarks.copy()
    coefficients = np.zeros(len(bases))
    for _ in range(ROUNDS):
        shape = rest + np.tensordot(coefficients, bases, axes=1)
        axes, shift = _camera(shape, target, weight)
        projected = shape @ axes[:2].T + shift
        target[:17] = _nearest_on_line(projected[:17], outline)
        turned = bases @ axes[:2].T
        matrix = (turned * weight[:, None]).reshape(len(bases), -1).T
        error = ((target - shift - rest @ axes[:2].T) * weight[:, None]).ravel()
        coefficients = np.linalg.solve(matrix.T @ matrix + np.eye(len(bases)), matrix.T @ error)
    shape = model.rest + np.tensordot(coefficients[:IDENTITY_MODES], model.identities[:IDENTITY_MODES], axes=1)
    weights = dict(zip(RESTING_SHAPES, coefficients[IDENTITY_MODES:] * list(RESTING_SHAPES.values())))
    for name, value in weights.items():
        shape = shape + value * model.expressions[model.expression_names.index(name)]
    camera = shape @ axes.T
    camera[:, :2] += shift
    missing = target - camera[LANDMARK_VERTICES, :2]
    residual = float(np.linalg.norm(missing[17:], axis=1).mean())
    camera[:, :2] += _pinning(model, missing)
    return Fit(camera, axes, weights, residual, _angles(axes))


def _camera(shape, target, weight):
    """The scaled rotation that lays the shape's landmarks on the target."""
    w = weight[:, None] ** 2 / (weight**2).sum()
    middle, target_middle = (w * shape).sum(axis=0), (w * target).sum(axis=0)
    matrix, *_ = np.linalg.lstsq(
        (shape - middle) * weight[:, None], (target - target_middle) * weight[:, None], rcond=None
    )
    left, scale, right = np.linalg.svd(matrix.T, full_matrices=False)
    rows = left @ right
    size = scale.mean()
    # Image y runs down, the model's runs up; the model's z and the camera's both come towards the eye.
    axes = size * np.vstack([rows, -np.cross(rows[0], rows[1])])
    return axes, target_middle - axes[:2] @ middle


def _angles(axes):
    turn = np.diag([1, -1, 1]) @ (axes / np.linalg.norm(axes[0]))
    yaw = np.degrees(np.arcsin(np.clip(-turn[2, 0], -1, 1)))
    pitch = -np.degrees(np.arctan2(turn[2, 1], turn[2, 2]))
    roll = -np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    return float(yaw), float(pitch), float(roll)


def _nearest_on_line(points, line):
    start, along = line[:-1], np.diff(line, axis=0)
    share = np.einsum("psk,sk->ps", points[:, None] - start, along) / (along**2).sum(axis=1)
    nearest = start + np.clip(share, 0, 1)[:, :, None] * along
    distance = np.linalg.norm(nearest - points[:, None], axis=2)
    return nearest[np.arange(len(points)), distance.argmin(axis=1)]


def _pinning(model, missing):
    """(V, 2) a smooth shift that lays every landmark where the hand placed it, and fades away from the face."""
    places = model.rest[LANDMARK_VERTICES]
    spread = RBFInterpolator(places, missing, kernel="linear", degree=0, smoothing=0.02)
    distance = np.min(np.linalg.norm(model.rest[:, None] - places[None, ::3], axis=2), axis=1)
    return spread(model.rest) * np.exp(-((distance / 7.0) ** 2))[:, None]
