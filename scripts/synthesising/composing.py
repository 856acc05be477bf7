"""From a photographed person, weights and conditions to a picture, exact landmarks and what moved."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

import backdrops
import furrows
import occluders
import paint
import people
from drawing import interpolate, rasterise, sample, vertex_normals
from head_model import EYE_SOCKET, EYEBALL, FACE, GUMS, LANDMARK_VERTICES, MOUTH_SOCKET, SCALP_AND_NECK, TEETH
from photograph import NECK_END

OVERSAMPLING = 2
STUDIO = np.array([0.0, -0.34, 0.94])  # where the light of the photographs comes from
SHADOW_MAP = 192  # side of the shadow map in pixels
UPPER_TEETH_LIFT = 0.28  # model units
HIDDEN_NECK = (-12.5, 1.5)  # rest heights between which the neck is drawn anew behind the photograph
FLIP = np.diag([1.0, -1.0, 1.0])  # model axes (y up) to picture axes (y down) and back


@dataclass
class Scene:
    """One head posed before the camera; drawn points are those of the head, then of the sheet."""

    points: np.ndarray  # (N, 3) pixels of the oversampled picture, nearness
    places: np.ndarray  # (N, 3) the same in camera space before perspective
    moved: np.ndarray  # (N,) pixels of the finished picture
    landmarks: np.ndarray  # (68, 2) pixels of the finished picture


@dataclass
class Picture:
    colour: np.ndarray  # (H, W, 3) linear light
    moved: np.ndarray  # (H, W) pixels
    landmarks: np.ndarray  # (68, 2)


class Head:
    """What all pictures of one person share."""

    def __init__(self, model, fit, layers, relief):
        self.model, self.fit, self.layers, self.relief = model, fit, layers, relief
        part, rest = model.part, model.rest
        corners = model.triangles
        kept = part[corners[:, 0]] != SCALP_AND_NECK
        kept &= rest[corners, 1].min(axis=1) > NECK_END
        self.triangles = corners[kept].astype(np.int32)
        self.count = len(rest)
        self.sheet_triangles = (layers.sheet.triangles + self.count).astype(np.int32)
        self.every_triangle = np.concatenate([self.triangles, self.sheet_triangles])
        self.skin_triangles = self.triangles[part[self.triangles[:, 0]] == FACE]
        self.face_width = float(
            np.linalg.norm(fit.neutral[LANDMARK_VERTICES[0], :2] - fit.neutral[LANDMARK_VERTICES[16], :2])
        )
        self.pivot = self._pivot()
        self.neutral = self._pushed(fit.neutral)
        self.outward = np.sign(
            vertex_normals(self.neutral.astype(np.float32), self.skin_triangles)[LANDMARK_VERTICES[30], 2]
        )
        self.rest_normals = self._normals(self.neutral, layers.sheet.places)
        self.paint, self.painted = self._paint()
        self.neck_triangles = self._neck()
        self.gathering = {side: self._gathering(side) for side in (1, -1)}
        self.texture_places = np.concatenate([fit.neutral[:, :2], layers.sheet.places[:, :2]]).astype(np.float32)

    def _pivot(self):
        """The head turns about the top of the neck: between and below the ears."""
        ears = self.fit.neutral[LANDMARK_VERTICES[[0, 16]]].mean(axis=0)
        return ears + self.fit.axes @ np.array([0.0, -2.0, -3.0])

    def _pushed(self, points):
        """Eyeballs a little back, so that a lid that slides over them covers them."""
        out = points.copy()
        out[self.model.part == EYEBALL, 2] -= 0.012 * self.face_width
        # The upper teeth hang low in the model: raised lips would show a finger's breadth of gum.
        jaw = np.abs(self.model.expressions[self.model.expression_names.index("jawOpen")]).max(axis=1)
        upper = np.isin(self.model.part, (GUMS, TEETH)) & (jaw < 0.05)
        out[upper] += self.fit.axes @ np.array([0.0, UPPER_TEETH_LIFT, 0.0])
        return out

    def _normals(self, head, sheet):
        """(N, 3) facing the camera at rest; sheet nodes included."""
        points = np.concatenate([head, sheet]).astype(np.float32)
        on_head = vertex_normals(points[: self.count], self.triangles) * self.outward
        on_sheet = vertex_normals(points, self.sheet_triangles)[self.count :]
        return np.concatenate([on_head, on_sheet * np.sign(on_sheet[:, 2].sum())])

    def _paint(self):
        """Colour of what the photograph does not show, and how much of it each vertex takes."""
        rest, part, tones = self.model.rest, self.model.part, self.layers.tones
        colour = np.zeros((self.count, 3))
        share = np.zeros(self.count)
        for kind, painter, tint in (
            (MOUTH_SOCKET, paint.mouth_inside, 1.0),
            (GUMS, paint.gums, np.array([0.7, 0.75, 0.75])),
        ):
            chosen = part == kind
            colour[chosen], share[chosen] = painter(rest[chosen]).colour * tint, 1
        teeth = part == TEETH
        colour[teeth], share[teeth] = paint.teeth(rest[teeth], 0.9).colour, 1
        socket = part == EYE_SOCKET
        colour[socket], share[socket] = tones.skin * [0.55, 0.4, 0.4], 1
        face = part == FACE
        mouth = face & (np.abs(rest[:, 0]) < 3.0) & (rest[:, 1] < -2.4) & (rest[:, 1] > -4.6)
        colour[mouth], share[mouth] = tones.lip * [0.62, 0.5, 0.5], self.layers.hidden[mouth]
        for side, tone in zip((-1, 1), tones.lid):
            lid = face & (np.abs(rest[:, 0] - side * 3.1) < 2.0) & (np.abs(rest[:, 1] - 3.8) < 1.3)
            colour[lid], share[lid] = tone, 0.6 * self.layers.hidden[lid]
        return colour.astype(np.float32), share.astype(np.float32)

    def _neck(self):
        """Triangles of the neck and of the jaw's underside, which a turned head shows and the photograph does not."""
        rest, part = self.model.rest, self.model.part
        low, high = HIDDEN_NECK
        inside = (part <= SCALP_AND_NECK) & (rest[:, 1] > low) & (rest[:, 1] < high) & (np.abs(rest[:, 2] - 1.5) < 4.5)
        return self.model.triangles[inside[self.model.triangles].all(axis=1)].astype(np.int32)

    def _gathering(self, side):
        """(V, 3) model units: the corrugator draws the brows together and down, the model's shape only down."""
        rest = self.model.rest
        near = np.exp(-(((rest[:, 0] - side * 1.5) / 1.25) ** 2) - ((rest[:, 1] - 6.0) / 1.2) ** 2) * (rest[:, 2] > 6)
        near *= self.model.part == FACE
        return near[:, None] * np.array([-side * 0.065, -0.04, 0.02])

    def shaped(self, weights):
        """(V, 3) the head with its muscles pulled, camera space."""
        names = self.model.expression_names
        chosen, values = [], []
        for name, value in weights.items():
            if name.startswith("eyeBlink"):
                # What the photograph already shows of a closing lid is not closed twice.
                value *= max(0.3, 1 - self.fit.resting.get(name, 0.0))
            chosen.append(names.index(name))
            values.append(value)
        if not chosen:
            return self.neutral
        delta = np.tensordot(np.array(values, np.float32), self.model.expressions[chosen], axes=1)
        for side, name in ((1, "browDown_L"), (-1, "browDown_R")):
            delta += np.clip(weights.get(name, 0.0), 0, 2) * self.gathering[side]
        return self.neutral + delta @ self.fit.axes.T


def pose_head(head, weights, pose, size):
    """Turn the head and its sheet before the camera and project; size: side of the finished picture in pixels."""
    shaped = head.shaped(weights)
    sheet = head.layers.sheet
    still = np.concatenate([head.neutral, sheet.places])
    acting = np.concatenate([shaped, sheet.places + sheet.moved(shaped - head.neutral)])
    turned, still_turned = (_turn(head, places, still[:, 1], pose) for places in (acting, still))
    points = _project(head, turned, pose, size)
    moved = np.linalg.norm(points - _project(head, still_turned, pose, size), axis=1)
    landmarks = points[LANDMARK_VERTICES, :2].copy()
    # Samples of a finished pixel lie evenly about its centre.
    points[:, :2] = points[:, :2] * OVERSAMPLING + (OVERSAMPLING - 1) / 2
    return Scene(points.astype(np.float32), turned, moved.astype(np.float32), landmarks)


def _project(head, places, pose, size):
    """Turned places (N, 3) in camera space -> x, y in pixels of the finished picture and nearness in the same unit."""
    distance = pose.distance * head.face_width
    scale = pose.face_share * size / head.face_width
    middle = _turn(head, head.neutral[LANDMARK_VERTICES[[0, 16, 50, 27]]], None, pose).mean(axis=0)
    near = distance / (distance - (places[:, 2] - middle[2]))
    x = (places[:, 0] - middle[0]) * near * scale + pose.centre[0] * size
    y = (places[:, 1] - middle[1]) * near * scale + pose.centre[1] * size
    return np.stack([x, y, places[:, 2] * scale], axis=1)


def _turn(head, places, heights, pose):
    """Rotate about the neck, from the chin down less and less. heights: y at rest, None for points of the head."""
    rotation = FLIP @ people.rotation(pose.yaw, pose.pitch, pose.roll) @ FLIP
    offset = places - head.pivot
    turned = offset @ rotation.T
    if heights is not None:
        body = FLIP @ people.rotation(0.3 * pose.yaw, 0, 0.15 * pose.roll) @ FLIP
        chin = head.neutral[LANDMARK_VERTICES[8], 1]
        below = np.clip((heights - chin - 0.02 * head.face_width) / (0.75 * head.face_width), 0, 1)
        below = (below * below * (3 - 2 * below))[:, None]
        turned = turned * (1 - below) + (offset @ body.T) * below
    return turned + head.pivot


def compose(head, weights, conditions, size):
    pose, light = conditions.pose, conditions.light
    scene = pose_head(head, weights, pose, size)
    side = size * OVERSAMPLING
    triangle, shares, nearness = rasterise(scene.points, head.every_triangle, side, side)
    seen = triangle >= 0
    lit = _illumination(head, scene, light)
    slopes = furrows.map_places(head.model.rest)
    slopes = np.concatenate([slopes, np.full((len(lit) - head.count, 2), -1e3, np.float32)])
    colour_share = np.concatenate([np.column_stack([head.paint, head.painted]), np.zeros((len(lit) - head.count, 4))])
    values = np.column_stack([head.texture_places, lit, slopes, colour_share, scene.moved]).astype(np.float32)
    blend = interpolate(triangle, shares, head.every_triangle, values)
    places, lit, map_places, painted, share, moved = np.split(blend, [2, 5, 7, 10, 11], axis=2)

    part = np.full(len(head.every_triangle), SCALP_AND_NECK)
    part[: len(head.triangles)] = head.model.part[head.triangles[:, 0]]
    part = np.where(seen, part[np.maximum(triangle, 0)], -1)

    taken = sample(head.layers.texture, places).reshape(side, side, -1)
    photographed, opaque, skin = taken[..., :3], taken[..., 3], taken[..., 4]
    colour = photographed + (painted - photographed) * share
    eye = part == EYEBALL
    colour[eye] = sample(head.layers.eye_texture, places[eye]) * _lid_shade(head, scene, eye)[:, None]
    inner = (part == MOUTH_SOCKET) | (part == GUMS) | (part == TEETH)
    colour[inner] *= _mouth_shade(scene, inner, nearness, part)[:, None] * _brightness(head)
    face = part == FACE
    lit = lit.copy()
    lit[face] *= _furrow_shade(head, weights, map_places[face], skin[face] * (1 - share[face, 0]), light)
    colour *= lit
    opaque = np.where(seen, np.where((part == FACE) | (part == SCALP_AND_NECK), opaque, 1.0), 0.0)
    moved = moved * opaque[..., None]
    behind = _with_neck(wall(conditions, head.layers.background, side), head, pose, size, light)
    colour = behind + (colour - behind) * opaque[..., None]
    fine = scene.landmarks * OVERSAMPLING + (OVERSAMPLING - 1) / 2
    tone = head.layers.tones.skin * light.ambient.mean() * 1.4
    colour = occluders.cover(conditions.covering, colour, fine, tone, conditions.random)
    return Picture(smaller(colour), smaller(moved)[..., 0], scene.landmarks)


def _with_neck(behind, head, pose, size, light):
    """Draw a plain neck on what lies behind: seen where the photograph ends beside a turned head."""
    thin = head.neutral.copy()
    axis = head.pivot[0]
    # A little narrower than the model's, so that a slender neck shows no second outline.
    thin[:, 0] = axis + (thin[:, 0] - axis) * 0.86
    points = _project(head, _turn(head, thin, head.neutral[:, 1], pose), pose, size)
    points[:, :2] = points[:, :2] * OVERSAMPLING + (OVERSAMPLING - 1) / 2
    side = len(behind)
    triangle, _, _ = rasterise(points.astype(np.float32), head.neck_triangles, side, side)
    share = gaussian_filter((triangle >= 0).astype(np.float32), 1.5)[..., None]
    tone = head.layers.tones.neck * [0.52, 0.42, 0.39] * (light.ambient + 0.3 * light.key) / (light.ambient + 0.5 * light.key).mean()
    return behind + (tone - behind) * share


def smaller(picture):
    height, width, count = picture.shape
    blocks = height // OVERSAMPLING, OVERSAMPLING, width // OVERSAMPLING, OVERSAMPLING, count
    return picture.reshape(blocks).mean(axis=(1, 3))


def _wrapped(cosine, wrap=0.25):
    return np.clip((cosine + wrap) / (1 + wrap), 0, None)


def _studio(normals):
    return 0.5 + 0.5 * _wrapped(normals @ STUDIO, 0.4)


def _illumination(head, scene, light):
    """(N, 3) what to multiply the photographed colour with: new light over the light of the photograph."""
    normals = head._normals(scene.places[: head.count], scene.places[head.count :])
    shadow = 1 - light.shadow * (1 - _shadow(head, scene, light))
    lamp = _wrapped(normals @ light.direction)[:, None] * shadow[:, None] * light.key
    new = light.ambient + light.sky * (0.5 - 0.5 * normals[:, 1:2]) + lamp
    # The photograph's own light is divided out only softly: its direction is a guess.
    # What the photograph hides has no such light in its colour.
    taken = _studio(head.rest_normals)
    taken[: head.count] += (0.95 - taken[: head.count]) * head.layers.hidden
    ratio = new * (_studio(normals) / taken)[:, None] ** 0.8
    front = ratio[LANDMARK_VERTICES[17:]].mean()
    return np.clip(ratio / front, 0.12, 2.2)


def _shadow(head, scene, light):
    """(N,) 1 in the light, 0 in shadow of the head, with a soft edge."""
    side = np.cross([0.0, 1.0, 0.0], light.direction)
    side /= np.linalg.norm(side)
    basis = np.stack([side, np.cross(light.direction, side), light.direction])
    seen = ((scene.places - head.pivot) @ basis.T).astype(np.float32)
    seen[:, :2] = seen[:, :2] / (1.1 * head.face_width) * SHADOW_MAP / 2 + SHADOW_MAP / 2
    _, _, nearest = rasterise(seen, head.skin_triangles, SHADOW_MAP, SHADOW_MAP)
    bias = 0.022 * head.face_width
    lightness = np.zeros(len(seen))
    taps = 12
    reach = light.softness * SHADOW_MAP / 2.2 * np.sqrt((np.arange(taps) + 0.5) / taps)
    for turn, radius in zip(np.arange(taps) * 2.39996, reach):
        x = np.clip(np.rint(seen[:, 0] + radius * np.cos(turn)), 0, SHADOW_MAP - 1).astype(int)
        y = np.clip(np.rint(seen[:, 1] + radius * np.sin(turn)), 0, SHADOW_MAP - 1).astype(int)
        lightness += nearest[y, x] < seen[:, 2] + bias
    return lightness / taps


def _furrow_shade(head, weights, places, strength, light):
    """(P, 3) shading of the furrows under the lamp and, weaker, under the light from above."""
    slope = sample(head.relief.slopes(weights), places)
    total = float(light.key.mean() + light.ambient.mean())
    lamp = light.key.mean() / total
    across = light.direction[0] * lamp
    # y of the light runs down, the slope's up; the studio light comes from above.
    upward = -light.direction[1] * lamp + 0.35 * (1 - lamp)
    bump = -0.75 * (slope[:, 0] * across + slope[:, 1] * upward)
    cavity = np.exp(-3.4 * slope[:, 2])
    shade = np.clip((1 + bump) * cavity, 0.3, 1.35)
    shade = 1 + (shade - 1) * strength
    # Light that comes out of a crease has gone through skin, and is red.
    return np.power(shade[:, None], np.array([0.85, 1.05, 1.1]))


def _brightness(head):
    """Teeth and gums were painted for full light; the photographed skin tells how bright this photograph is."""
    return float(np.clip(head.layers.tones.skin.mean() / 0.34, 0.55, 1.1)) * 0.85


def _lid_shade(head, scene, eye):
    """(P,) shade of lids and lashes on the eyeballs, for the pixels of `eye`."""
    y, x = np.nonzero(eye)
    x, y = (x - 0.5) / OVERSAMPLING, (y - 0.5) / OVERSAMPLING
    shade = np.ones(len(x))
    lids = scene.landmarks[36:48]
    for lid in (lids[:6], lids[6:]):
        corners = lid[[0, 3]]
        along = corners[1] - corners[0]
        length = np.linalg.norm(along)
        along /= length
        across = np.array([-along[1], along[0]])
        mine = np.hypot(x - corners[:, 0].mean(), y - corners[:, 1].mean()) < length
        position = np.stack([x[mine], y[mine]], axis=1) - corners[0]
        u, v = position @ along, position @ across

        def edge(numbers):
            points = (lid[numbers] - corners[0]) @ np.stack([along, across], axis=1)
            return np.interp(u, points[:, 0], points[:, 1])

        below_upper = np.maximum(v - edge([0, 1, 2, 3]), 0) / length
        above_lower = np.maximum(edge([0, 5, 4, 3]) - v, 0) / length
        shade[mine] = (1 - 0.6 * np.exp(-below_upper / 0.075)) * (1 - 0.3 * np.exp(-above_lower / 0.04))
    return shade


def _mouth_shade(scene, inner, nearness, part):
    """(P,) how little light reaches into the mouth: less the farther behind the lips and the narrower the gap."""
    upper, lower = scene.landmarks[60:65], scene.landmarks[[60, 67, 66, 65, 64]]
    y, x = np.nonzero(inner)
    x_picture, y_picture = (x - 0.5) / OVERSAMPLING, (y - 0.5) / OVERSAMPLING
    order_upper, order_lower = np.argsort(upper[:, 0]), np.argsort(lower[:, 0])
    top = np.interp(x_picture, upper[order_upper, 0], upper[order_upper, 1])
    bottom = np.interp(x_picture, lower[order_lower, 0], lower[order_lower, 1])
    width = np.linalg.norm(upper[-1] - upper[0])
    gap = np.clip((bottom - top) / (0.16 * width), 0.0, 1)
    under = np.clip((y_picture - top) / (0.15 * width), 0, 1)
    lips = scene.points[LANDMARK_VERTICES[[62, 66]], 2].mean()
    deep = np.clip((lips - nearness[inner]) / (0.75 * width), 0, 1)
    corner = np.clip(np.minimum(x_picture - upper[:, 0].min(), upper[:, 0].max() - x_picture) / (0.16 * width), 0.45, 1)
    return (0.25 + 0.75 * gap) * (0.3 + 0.7 * under) * (1 - np.where(part[inner] == TEETH, 0.45, 0.75) * deep) * corner


def wall(conditions, own_colour, side):
    """(side, side, 3) what is behind the person, out of focus."""
    random = np.random.default_rng(conditions.wall_seed)
    if conditions.wall == "own":
        return np.broadcast_to(own_colour, (side, side, 3)).astype(np.float32) * conditions.light.ambient / 0.55
    if conditions.wall == "plain":
        colour = random.uniform(0.02, 0.8) * np.exp(random.normal(0, 0.15, 3))
        ramp = np.linspace(random.uniform(0.6, 1.1), random.uniform(0.6, 1.1), side)[:, None, None]
        return np.broadcast_to(colour * ramp, (side, side, 3)).astype(np.float32)
    room = backdrops.backdrop(conditions.wall, conditions.wall_seed, side // 2, side // 2)
    room = gaussian_filter(room, (3, 3, 0)).repeat(2, axis=0).repeat(2, axis=1)
    return room.astype(np.float32)
