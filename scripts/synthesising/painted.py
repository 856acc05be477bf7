"""Painted heads: random identities of the head model with painted skin, hair and clothes, as in the demo footage."""

from dataclasses import replace

import numpy as np

import composing
import lighting
import occluders
import people
import rasteriser
import rendering
from coverings import HAIR_STYLES
from drawing import rasterise
from subjects import stream

OVERSAMPLING = 2
SKINS = np.array(
    [
        (236, 200, 180),
        (228, 186, 160),
        (222, 178, 138),
        (198, 148, 112),
        (172, 122, 90),
        (132, 88, 64),
        (104, 70, 52),
        (84, 56, 42),
    ]
)
DARK_HAIR, LIGHT_HAIR = (
    [(20, 17, 16), (34, 26, 22), (58, 38, 26), (46, 28, 20)],
    [(92, 58, 34), (166, 124, 70), (196, 160, 104), (120, 66, 34), (120, 116, 112)],
)
DARK_IRIS, LIGHT_IRIS = (
    [(52, 32, 20), (66, 42, 26), (80, 56, 30)],
    [(84, 116, 138), (96, 128, 108), (92, 124, 146), (88, 100, 110)],
)
FACE_WIDTH = 14.7  # of the mean head, model units


def fast_rasterise(points, triangles, width, height):
    """The demo's rasteriser with compiled loops. Its pixel centres lie at halves."""
    shifted = points.astype(np.float32) - np.array([0.5, 0.5, 0], np.float32)
    triangle, weights, nearness = rasterise(shifted, triangles.astype(np.int32), width, height)
    nearness = np.where(triangle < 0, -np.inf, nearness.astype(np.float64))
    pixel = np.flatnonzero(triangle.ravel() >= 0)
    return rasteriser.Coverage(
        pixel, triangle.ravel()[pixel].astype(np.int64), weights.reshape(-1, 3)[pixel].astype(np.float64), nearness
    )


rendering.rasterise = lighting.rasterise = fast_rasterise


def person(name, seed):
    random = stream(seed, name, 1)

    def one_of(choices):
        return choices[random.integers(len(choices))]

    shade = random.integers(len(SKINS))
    skin = np.clip(SKINS[shade] * random.uniform(0.93, 1.06) * np.exp(random.normal(0, 0.02, 3)), 20, 250)
    light_skin = shade < 3
    hair = one_of(LIGHT_HAIR) if light_skin and random.random() < 0.55 else one_of(DARK_HAIR)
    iris = one_of(LIGHT_IRIS) if light_skin and random.random() < 0.6 else one_of(DARK_IRIS)
    lips = skin * [0.88, 0.58, 0.60] if light_skin else skin * [0.97, 0.74, 0.76]
    beard = random.uniform(0.15, 0.6) if random.random() < 0.3 else 0.0
    return people.Person(
        name,
        int(random.integers(1, 1 << 16)),
        tuple(skin),
        hair,
        tuple(np.array(hair) * 0.8),
        iris,
        tuple(lips),
        tuple(random.uniform(30, 220, 3)),
        one_of(sorted(HAIR_STYLES)),
        neckline=random.uniform(0.8, 3.0),
        pattern=one_of(["knit", "stripes", "jacket"]),
        stubble=beard,
        freckles=random.uniform(0.3, 0.7) * (random.random() < 0.2),
        brow_width=random.uniform(0.7, 1.35),
        identity_strength=random.uniform(0.7, 1.1),
    )


def compose(model, subject, weights, conditions, seed, size):
    """The same as composing.compose, for a painted head."""
    drawn = person(subject.name, seed)
    pose = people.Pose(
        conditions.pose.yaw,
        conditions.pose.pitch,
        conditions.pose.roll,
        tuple(share * size for share in conditions.pose.centre),
        conditions.pose.face_share * size / FACE_WIDTH,
    )
    neutral = people.neutral_head(model, drawn, seed)
    resting = {"eyeBlink": 0.16, "browDown": 0.12, "mouthPress": 0.2}
    acting = {**resting, **weights}
    figure = people.pose_figure(model, drawn, neutral, acting, pose)
    still = people.pose_figure(model, drawn, neutral, resting, pose)
    # The demo's pose puts the middle of the skull on the picture; here it is the middle of the face.
    landmarks = rendering.project(figure.landmarks, figure, pose)[:, :2]
    shift = np.array(pose.centre) - rendering.project(still.landmarks, still, pose)[[0, 16, 27, 51], :2].mean(axis=0)
    pose = replace(pose, centre=tuple(np.array(pose.centre) + shift))
    landmarks = landmarks + shift
    behind = composing.wall(conditions, np.full(3, 0.6), size)
    lights = _lights(conditions.light)
    large = np.repeat(np.repeat(behind, OVERSAMPLING, axis=0), OVERSAMPLING, axis=1)
    rendering._draw_figure(large, figure, pose, lights, model.rest_landmarks, OVERSAMPLING)
    fine = landmarks * OVERSAMPLING + (OVERSAMPLING - 1) / 2
    tone = (np.array(drawn.skin) / 255) ** 2.2
    large = occluders.cover(conditions.covering, large, fine, tone, conditions.random)
    return composing.Picture(composing.smaller(large), _moved(figure, still, pose, size), landmarks)


def _lights(light):
    """The conditions' light in the demo's terms: y up there, a fill lamp beside the camera."""
    key = light.key * 1.05
    ambient = light.ambient * 1.15
    return lighting.Lights(
        tuple(light.direction * [1, -1, 1]),
        tuple(key),
        (0.15, 0.3, 0.95),
        tuple(ambient * 0.9),
        tuple(ambient + 0.5 * light.sky),
        tuple(ambient * 0.55),
        softness=0.2 + light.softness * 12,
    )


def _moved(figure, still, pose, size):
    screen = rendering.project(figure.points, figure, pose)
    before = rendering.project(still.points, figure, pose)
    distance = np.linalg.norm((screen - before) * [1, 1, pose.pixels_per_unit], axis=1)
    seen = fast_rasterise(screen, figure.triangles, size, size)
    moved = np.zeros(size * size)
    moved[seen.pixel] = np.einsum("pk,pk->p", seen.weights, distance[figure.triangles[seen.triangle]])
    return moved.reshape(size, size)
