"""A photographed person as layers that can move: textured head, eyes without lids, the sheet of hair and background.

Linear light is used throughout (0 black, 1 white); places are in pixels of the photograph.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import binary_erosion, binary_propagation, gaussian_filter, gaussian_filter1d
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

import template
from drawing import rasterise, sample, vertex_normals
from head_model import FACE, LANDMARK_VERTICES, SCALP_AND_NECK

SHEET_STEP = 8  # pixels between the sheet's nodes
SHEET_MARGIN = 240  # how far the sheet reaches beyond the photograph
SHEET_BEHIND = 5.0  # pixels the sheet lies behind the face, so that the face hides it
# Screening of the sheet's movement: a movement fades to a third in 1 / sqrt(FADING) nodes beyond the face.
FADING = 1 / 7.0**2
NECK_END = -11.5  # rest height below which the mesh gives way to the sheet


def to_linear(picture):
    return (np.asarray(picture, dtype=np.float32) / 255.0) ** 2.2


@dataclass
class Sheet:
    """A grid over the whole photograph that follows the head: hair, ears, shoulders."""

    places: np.ndarray  # (S, 3) camera space at rest
    triangles: np.ndarray  # (T, 3)
    covered: np.ndarray  # numbers of the nodes that lie on the face or neck
    corners: np.ndarray  # (C, 3) head vertices whose blend moves a covered node
    shares: np.ndarray  # (C, 3)
    free: np.ndarray  # numbers of the other nodes
    solver: object
    coupling: object

    def moved(self, movement):
        """Head movement (V, K) -> movement of the nodes (S, K)."""
        on_head = np.einsum("ck,ckj->cj", self.shares, movement[self.corners])
        out = np.zeros((len(self.places), movement.shape[1]))
        out[self.covered] = on_head
        out[self.free] = self.solver.solve(-self.coupling @ on_head)
        return out


@dataclass
class Tones:
    skin: np.ndarray
    lip: np.ndarray
    lid: np.ndarray  # (2, 3) right and left
    sclera: np.ndarray
    neck: np.ndarray


@dataclass
class Layers:
    texture: np.ndarray  # (H, W, 5) colour, opaqueness, share of bare skin
    eye_texture: np.ndarray  # (H, W, 3) the eyes as they would look without lids
    background: np.ndarray  # (3,) mean colour of the photographed wall
    tones: Tones
    hidden: np.ndarray  # (V,) 1 where the photograph does not show the vertex, which is then painted
    sheet: Sheet


def layers(photograph, points, model, fit):
    """photograph: 8-bit RGB (H, W, 3); points (189, 2); fit: of this photograph."""
    picture = to_linear(photograph)
    head = model.triangles[(model.part[model.triangles] <= SCALP_AND_NECK).all(axis=1)].astype(np.int32)
    wall, colour, opaque = _matte(picture, fit.neutral[LANDMARK_VERTICES, :2])
    tones = _tones(picture, points)
    skin = _bare_skin(picture, tones.skin)
    texture = np.dstack([colour, opaque, skin]).astype(np.float32)
    eyes = _eyes_without_lids(picture, points, tones.sclera)
    hidden = _hidden(fit.neutral, head, picture.shape)
    return Layers(texture, eyes, wall.mean(axis=(0, 1)), tones, hidden, _sheet(fit.neutral, head, model, picture.shape))


def _matte(picture, landmarks):
    """The wall as a smooth picture (H, W, 3), the person's own colour (H, W, 3), how far a pixel is person (H, W)."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width] / height
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    logarithm = np.log(picture + 0.01)
    wall = np.zeros((height, width), bool)
    wall[: height // 12] = True
    chin = int(landmarks[8, 1])
    wall[:chin, : width // 10] = wall[:chin, -width // 10 :] = True
    for _ in range(3):
        rows = np.flatnonzero(wall.ravel())[::7]
        factors, *_ = np.linalg.lstsq(terms.reshape(-1, 6)[rows], logarithm.reshape(-1, 3)[rows], rcond=None)
        model = terms @ factors
        distance = np.abs(logarithm - model).max(axis=-1)
        wall &= distance < 0.12
    # The wall is what can be reached from the top through wall-like pixels; then it is taken as bright as it is nearby,
    # because it darkens towards the shoulders. White shirts are cut off by their edges.
    shoulders = np.arange(height)[:, None] > chin + 0.05 * height
    beside = _beside(landmarks, height, width)
    start = np.zeros_like(wall)
    start[:4] = True
    for _ in range(3):
        distance = np.abs(logarithm - model).max(axis=-1)
        like = gaussian_filter(distance, 1.0) < np.where(shoulders, 0.06, 0.12)
        # Gaps between locks beside the face are wall as well: a little darker, but as colourless.
        difference = gaussian_filter(logarithm - model, (1.0, 1.0, 0))
        gaps = (np.ptp(difference, axis=-1) < 0.07) & (np.abs(difference).max(axis=-1) < 0.25) & beside & ~shoulders
        reached = (binary_propagation(start & like, mask=like) | gaps).astype(np.float32)
        share = gaussian_filter(reached, 25)[..., None]
        nearby = gaussian_filter(logarithm * reached[..., None], (25, 25, 0)) / np.maximum(share, 1e-4)
        trust = np.clip(share * 20, 0, 1)
        model = model + (nearby - model) * trust
    wall_light = np.exp(model) - 0.01
    near, far = (gaussian_filter(reached, reach) for reach in (1.5, 9.0))
    near = np.where(shoulders, near, far) > 0.03
    # Beside the wall a pixel is a mixture of the wall and of the hair or skin nearby that is surely not wall.
    sure = (~near | (distance > 0.9)).astype(np.float32)
    person = gaussian_filter(picture * sure[..., None], (6, 6, 0)) / np.maximum(
        gaussian_filter(sure, 6)[..., None], 1e-3
    )
    contrast = wall_light - person
    mixture = ((wall_light - picture) * contrast).sum(axis=-1) / np.maximum((contrast**2).sum(axis=-1), 4e-3)
    opaque = np.where(near, np.clip((mixture - 0.08) / 0.8, 0, 1), 1.0)
    opaque = gaussian_filter(opaque, 0.5).astype(np.float32)
    colour = (picture - (1 - opaque[..., None]) * wall_light) / np.maximum(opaque[..., None], 0.2)
    colour = np.where(opaque[..., None] > 0.97, picture, np.clip(colour, 0, 1))
    return wall_light.astype(np.float32), colour, opaque


def _beside(landmarks, height, width):
    """(H, W) true outside the jaw's outline, left and right of the face; below the jaw the neck counts as face."""
    rows, columns = np.arange(height), np.arange(width)
    right = np.interp(rows, landmarks[:6, 1], landmarks[:6, 0])[:, None]
    left = np.interp(rows, landmarks[16:10:-1, 1], landmarks[16:10:-1, 0])[:, None]
    return (columns < right - 5) | (columns > left + 5)


def _tones(picture, points):
    smooth = gaussian_filter(picture, (2, 2, 0))

    def tone(numbers):
        places = np.array([np.mean([points[k] for k in group], axis=0) for group in numbers], np.float32)
        return np.median(sample(smooth, places), axis=0)

    skin = tone([(44, 166), (49, 169), (45, 159), (48, 162), (165,), (168,)])
    lip = tone([(106, 101), (105, 100), (107, 102)])
    # The fold of a deep-set lid is dark in the photograph; drawn out, it is skin like any other.
    lids = np.stack([tone([(35,), (36,), (37,)]), tone([(40,), (41,), (42,)])]) * 0.5 + 0.5 * skin
    whites = []
    for outline, rim in zip(template.EYE_OUTLINES, template.IRIS_RIMS):
        centre = np.mean([points[k] for k in rim], axis=0)
        for corner in (outline[0], outline[4]):
            place = 0.45 * np.asarray(points[corner]) + 0.55 * centre
            edge = centre + (place - centre) / np.linalg.norm(place - centre) * _iris_radius(points, rim) * 1.25
            whites.append(np.where(np.abs(edge - centre)[0] > np.abs(place - centre)[0], edge, place))
    white = np.median(sample(gaussian_filter(picture, (1, 1, 0)), np.array(whites, np.float32)), axis=0)
    neck = tone([(183,), (184,), (183, 184)])
    return Tones(skin, lip, lids, white, neck)


def _iris_radius(points, rim):
    rim = np.array([points[k] for k in rim])
    return float(np.linalg.norm(rim - rim.mean(axis=0), axis=1).mean())


def _bare_skin(picture, skin):
    """1 on bare skin, 0 on hair, beard and brows."""
    smooth = gaussian_filter(picture, (2, 2, 0)) + 0.01
    darker = np.log(skin.mean() + 0.01) - np.log(smooth.mean(axis=-1))
    return np.clip((0.95 - darker) / 0.5, 0, 1)


def _eyes_without_lids(picture, points, sclera):
    """The photographed eyes, with iris and white continued under the lids."""
    out = picture.copy()
    height, width = picture.shape[:2]
    for outline, rim in zip(template.EYE_OUTLINES, template.IRIS_RIMS):
        rim_places = np.array([points[k] for k in rim])
        centre, radius = rim_places.mean(axis=0), _iris_radius(points, rim)
        reach = int(3.6 * radius)
        left, top = int(centre[0]) - reach, int(centre[1]) - reach
        box = slice(max(top, 0), min(top + 2 * reach, height)), slice(max(left, 0), min(left + 2 * reach, width))
        y, x = np.mgrid[box]
        distance = np.hypot(x - centre[0], y - centre[1])
        seen = _inside([points[k] for k in outline], picture.shape, inset=2.0)[box]
        patch = picture[box]
        # Colour of the iris by distance from its centre; the median leaves out the highlight.
        steps = np.linspace(0, radius * 1.05, 12)
        profile = np.zeros((len(steps), 3), np.float32)
        for k, step in enumerate(steps):
            ring = (np.abs(distance - step) < radius / 8) & (seen > 0.6)
            profile[k] = np.median(patch[ring], axis=0) if ring.sum() > 4 else profile[k - 1]
        profile = gaussian_filter1d(profile, 0.6, axis=0)
        iris = np.stack([np.interp(distance, steps, profile[:, k]) for k in range(3)], axis=-1)
        on_iris = np.clip((radius * 1.02 - distance) / (0.16 * radius) + 0.5, 0, 1)[..., None]
        # White darkens and reddens towards the corners, because the ball turns away.
        away = np.clip((distance / radius - 1.2) / 1.6, 0, 1)[..., None]
        white = sclera * (1 - away * np.array([0.38, 0.5, 0.5]))
        painted = iris * on_iris + white * (1 - on_iris)
        out[box] = painted + (patch - painted) * seen[..., None]
    return out.astype(np.float32)


def _inside(outline, shape, inset):
    """Soft mask (H, W) of a closed outline, drawn in by `inset` pixels."""
    scale = 4
    outline = np.array(outline)
    middle = outline.mean(axis=0)
    low = np.floor(outline.min(axis=0)).astype(int) - 6
    size = np.ceil(outline.max(axis=0)).astype(int) + 6 - low
    image = Image.new("L", tuple(int(v) for v in size * scale))
    shrunk = middle + (outline - middle) * np.maximum(
        0.1, 1 - inset / np.maximum(np.abs(outline - middle).max(axis=0), 1)
    )
    ImageDraw.Draw(image).polygon([tuple((p - low + 0.5) * scale) for p in shrunk], fill=255)
    small = np.asarray(image.resize(tuple(int(v) for v in size), Image.BOX), dtype=np.float32) / 255
    mask = np.zeros(shape[:2], np.float32)
    mask[low[1] : low[1] + size[1], low[0] : low[0] + size[0]] = gaussian_filter(small, 0.7)
    return mask


def _hidden(neutral, head, shape):
    """1 for vertices that the camera did not see: inside of the lips, folds of the lids."""
    height, width = shape[:2]
    points = neutral.astype(np.float32)
    _, _, nearness = rasterise(points, head, width, height)
    x = np.clip(np.rint(points[:, 0]).astype(int), 0, width - 1)
    y = np.clip(np.rint(points[:, 1]).astype(int), 0, height - 1)
    behind = nearness[y, x] - points[:, 2]
    normals = vertex_normals(points, head)
    # Triangles wind so that outward normals have z away from or towards the camera alike; take the tip of the nose's.
    facing = normals[:, 2] * np.sign(normals[LANDMARK_VERTICES[30], 2])
    hidden = np.clip((behind - 1.5) / 2, 0, 1)
    return np.maximum(hidden, np.clip((0.1 - facing) / 0.15, 0, 1)).astype(np.float32)


def _sheet(neutral, head, model, shape):
    height, width = shape[:2]
    columns = np.arange(-SHEET_MARGIN, width + SHEET_MARGIN + 1, SHEET_STEP)
    rows = np.arange(-SHEET_MARGIN, height + SHEET_MARGIN + 1, SHEET_STEP)
    x, y = np.meshgrid(columns, rows)
    on_grid = neutral.astype(np.float32).copy()
    on_grid[:, :2] = (on_grid[:, :2] + SHEET_MARGIN) / SHEET_STEP
    # The back of the skull and the shoulders of the model are no guide to a photographed person's.
    triangle, weights, nearness = rasterise(on_grid, head, len(columns), len(rows))
    lowest = model.rest[head[:, :], 1].min(axis=1)
    on_head = (triangle >= 0) & (lowest[np.maximum(triangle, 0)] > NECK_END)
    covered = np.flatnonzero(on_head.ravel())
    free = np.flatnonzero(~on_head.ravel())
    laplacian = _laplacian(len(rows), len(columns))

    def solver(fading):
        inner = (laplacian + fading * diags(np.ones(laplacian.shape[0]))).tocsc()[free]
        return splu(inner[:, free].tocsc()), inner[:, covered]

    depth = np.zeros(len(rows) * len(columns))
    depth[covered] = nearness.ravel()[covered] - SHEET_BEHIND
    settle, coupling = solver(1e-5)
    depth[free] = settle.solve(-coupling @ depth[covered])
    places = np.stack([x.ravel(), y.ravel(), depth], axis=1)
    solve, coupling = solver(FADING)
    # Well inside the face the sheet is hidden, but for the open mouth, where it must not show.
    on_face = on_head & (model.part[head[np.maximum(triangle, 0), 0]] == FACE)
    inner = binary_erosion(on_face, iterations=3)
    triangles = _grid_triangles(len(rows), len(columns))
    return Sheet(
        places=places,
        triangles=triangles[~inner.ravel()[triangles].any(axis=1)],
        covered=covered,
        corners=head[triangle.ravel()[covered]],
        shares=weights.reshape(-1, 3)[covered].astype(np.float64),
        free=free,
        solver=solve,
        coupling=coupling,
    )


def _laplacian(rows, columns):
    index = np.arange(rows * columns).reshape(rows, columns)
    pairs = np.concatenate(
        [
            np.stack([index[:, :-1].ravel(), index[:, 1:].ravel()], 1),
            np.stack([index[:-1].ravel(), index[1:].ravel()], 1),
        ]
    )
    both = np.concatenate([pairs, pairs[:, ::-1]])
    links = coo_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(index.size, index.size)).tocsr()
    return diags(np.asarray(links.sum(axis=1)).ravel()) - links


def _grid_triangles(rows, columns):
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
