"""From posed figures and a backdrop to a picture."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

import lighting
import paint
from head_model import EYE_SOCKET, EYEBALL, FACE, GUMS, HAIR, MOUTH_SOCKET, SCALP_AND_NECK, TEETH
from rasteriser import rasterise

FOCAL_LENGTH = 1000.0  # in pixels of the finished picture: a face of 12 pixels a centimetre is 83 cm away


def project(points, figure, pose):
    """Camera space to (x, y) in pixels of the finished picture and nearness in units, perspective included."""
    distance = FOCAL_LENGTH / pose.pixels_per_unit
    offset = points - figure.middle
    scale = FOCAL_LENGTH / (distance - offset[:, 2])
    x = pose.centre[0] + offset[:, 0] * scale
    y = pose.centre[1] - offset[:, 1] * scale
    return np.stack([x, y, offset[:, 2] - distance], axis=1)


def render(backdrop, figures_and_poses, lights, rest_landmarks, oversampling, random):
    """backdrop: (H, W, 3) linear. Returns an 8-bit RGB picture of the same size."""
    height, width = backdrop.shape[:2]
    large = np.repeat(np.repeat(backdrop, oversampling, axis=0), oversampling, axis=1)
    farthest_first = sorted(figures_and_poses, key=lambda pair: pair[1].pixels_per_unit)
    for figure, pose in farthest_first:
        _draw_figure(large, figure, pose, lights, rest_landmarks, oversampling)
    small = large.reshape(height, oversampling, width, oversampling, 3).mean(axis=(1, 3))
    return develop(small, random)


def _draw_figure(picture, figure, pose, lights, rest_landmarks, oversampling):
    height, width = picture.shape[:2]
    screen = project(figure.points, figure, pose)
    screen[:, :2] *= oversampling
    seen = rasterise(screen, figure.triangles, width, height)
    corners = figure.triangles[seen.triangle]

    def blend(values):
        return np.einsum("pk,pkc->pc", seen.weights, values[corners])

    normals = blend(figure.normals)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    places, rest, local = blend(figure.points), blend(figure.rest), blend(figure.local)
    part = figure.part[corners[:, 0]]
    # Hair sheets are seen from both sides.
    normals[(part == HAIR) & _shows_its_back(screen, corners)] *= -1

    occlusion = lighting.occlusion_of(seen.nearness, pose.pixels_per_unit, oversampling).reshape(-1)[seen.pixel]
    shadow = lighting.shadow_of(figure, places, normals, lights)
    colour = np.zeros((len(seen.pixel), 3))
    for kind in np.unique(part):
        chosen = np.flatnonzero(part == kind)
        surface = _surface(kind, rest[chosen], local[chosen], figure, rest_landmarks)
        soften = 0.5 + 0.5 * shadow[chosen] if kind in (EYEBALL, TEETH) else shadow[chosen]
        colour[chosen] = lighting.lit(surface, normals[chosen], soften, occlusion[chosen], lights)
    picture.reshape(-1, 3)[seen.pixel] = colour


def _shows_its_back(screen, corners):
    first, second, third = (screen[corners[:, k], :2] for k in range(3))
    along, across = second - first, third - first
    return along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0] > 0


def _surface(kind, rest, local, figure, rest_landmarks):
    person = figure.person
    if kind in (FACE, SCALP_AND_NECK):
        return paint.skin(rest, person, figure.weights, rest_landmarks, np.full(len(rest), kind == FACE))
    if kind == EYEBALL:
        return paint.eyes(rest, person, lid_shade(local, figure.eyelids))
    if kind == MOUTH_SOCKET:
        return paint.mouth_inside(rest)
    if kind == GUMS:
        return paint.gums(rest)
    if kind == TEETH:
        return paint.teeth(rest, figure.lip_gap)
    if kind == EYE_SOCKET:
        return paint.eye_socket(rest, person)
    if kind == HAIR:
        return paint.hair(rest, person)
    return paint.cloth(rest, person)


def lid_shade(local, eyelids):
    """The shade that lids and lashes throw on the eyeball: dark under the upper lid, lighter at the lower one."""
    shade = np.ones(len(local))
    for first in (0, 6):
        lids = eyelids[first : first + 6]
        mine = np.sign(local[:, 0]) == np.sign(lids[0, 0])
        upper = lids[[0, 1, 2, 3]]
        lower = lids[[0, 5, 4, 3]]
        upper, lower = upper[np.argsort(upper[:, 0])], lower[np.argsort(lower[:, 0])]
        above = np.interp(local[mine, 0], upper[:, 0], upper[:, 1]) - local[mine, 1]
        below = local[mine, 1] - np.interp(local[mine, 0], lower[:, 0], lower[:, 1])
        shade[mine] = (1 - 0.72 * np.exp(-np.maximum(above, 0) / 0.24)) * (1 - 0.40 * np.exp(-np.maximum(below, 0) / 0.10))
    return shade


def develop(linear_picture, random):
    """Exposure with a soft shoulder, a little lens softness, sensor noise, 8 bits."""
    soft = gaussian_filter(linear_picture, (0.35, 0.35, 0))
    bright = np.clip(soft, 0, None)
    shoulder = np.where(bright < 0.6, bright, 0.6 + 0.4 * (1 - np.exp(-(bright - 0.6) / 0.4)))
    encoded = 255 * shoulder ** (1 / 2.2)
    grain = gaussian_filter(random.normal(0, 1, encoded.shape[:2]), 0.6) * 1.8
    encoded += grain[:, :, None] + random.normal(0, 0.5, encoded.shape)
    return Image.fromarray(np.clip(np.rint(encoded), 0, 255).astype(np.uint8))
