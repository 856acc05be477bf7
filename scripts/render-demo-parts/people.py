"""A person of the cast, and that person's posed meshes."""

from dataclasses import dataclass

import numpy as np

import coverings
import head_model
from head_model import CLOTH, HAIR, LANDMARK_VERTICES

HEAD_MIDDLE = np.array([0.0, 0.5, 4.0])
NECK_BASE = np.array([0.0, -10.0, -2.0])


@dataclass(frozen=True)
class Person:
    name: str
    seed: int
    skin: tuple  # sRGB 0..255
    hair: tuple
    brows: tuple
    iris: tuple
    lips: tuple
    cloth: tuple
    hair_style: str
    neckline: float = 1.5
    pattern: str = "knit"
    stubble: float = 0.0
    freckles: float = 0.0
    brow_width: float = 1.0
    identity_strength: float = 0.8
    identity_modes: int = 40

    @property
    def style(self):
        return coverings.HAIR_STYLES[self.hair_style]


@dataclass
class Pose:
    yaw: float = 0.0  # degrees; positive turns the nose to the right of the picture
    pitch: float = 0.0  # positive looks up
    roll: float = 0.0  # positive tilts clockwise in the picture
    centre: tuple = (320.0, 220.0)  # where the middle of the head lies, in pixels
    pixels_per_unit: float = 12.0


@dataclass
class Figure:
    """Posed meshes of one person in camera space: x right, y up, z to the eye."""

    person: Person
    weights: dict
    points: np.ndarray
    triangles: np.ndarray
    normals: np.ndarray
    rest: np.ndarray
    part: np.ndarray
    local: np.ndarray  # the points before posing, expression included
    middle: np.ndarray  # the posed middle of the head, which the pose's centre puts on the picture
    landmarks: np.ndarray  # (68, 3)
    eyelids: np.ndarray  # (12, 3) landmarks 37..48 before posing
    lip_gap: float  # between the middles of the inner lips


def neutral_head(model, person, seed=0):
    random = np.random.default_rng([person.seed, seed])
    coefficients = random.normal(0, person.identity_strength, person.identity_modes)
    # The first mode is mere size, and size is what the camera decides.
    coefficients[0] *= 0.3
    return head_model.identity_shape(model, coefficients)


def pose_figure(model, person, neutral, weights, pose):
    shape = head_model.with_expression(model, neutral, {**weights, **_gaze(pose)})
    head_normals = head_model.vertex_normals(shape, model.triangles)
    cap, cap_triangles = coverings.hair_cap(model, shape, person.style, person.seed)
    meshes = [
        (shape, model.rest, model.part, model.triangles, head_normals),
        (cap, model.rest, np.full(len(cap), HAIR), cap_triangles, None),
    ]
    if person.style.curtain is not None:
        sheet, sheet_triangles = coverings.hair_curtain(person.style, person.seed)
        meshes.append((sheet, sheet, np.full(len(sheet), HAIR), sheet_triangles, None))
    body, body_triangles = coverings.torso(person.neckline)
    meshes.append((body, body, np.full(len(body), CLOTH), body_triangles, None))

    points, normals, rest, part, local, triangles, offset = [], [], [], [], [], [], 0
    for mesh_points, mesh_rest, mesh_part, mesh_triangles, mesh_normals in meshes:
        if mesh_normals is None:
            mesh_normals = head_model.vertex_normals(mesh_points, mesh_triangles)
        turned, turned_normals = _turn(mesh_points, mesh_normals, pose, is_body=mesh_part[0] == CLOTH)
        points.append(turned)
        normals.append(turned_normals)
        rest.append(mesh_rest)
        part.append(mesh_part)
        local.append(mesh_points)
        triangles.append(mesh_triangles + offset)
        offset += len(mesh_points)
    points = np.concatenate(points)
    return Figure(
        person=person,
        weights=weights,
        points=points,
        triangles=np.concatenate(triangles),
        normals=np.concatenate(normals),
        rest=np.concatenate(rest),
        part=np.concatenate(part),
        local=np.concatenate(local),
        middle=_turn(HEAD_MIDDLE[None], HEAD_MIDDLE[None], pose, is_body=False)[0][0],
        landmarks=points[LANDMARK_VERTICES],
        eyelids=shape[LANDMARK_VERTICES[36:48]],
        lip_gap=shape[LANDMARK_VERTICES[62], 1] - shape[LANDMARK_VERTICES[66], 1],
    )


def _gaze(pose):
    """Eyes stay on the camera while the head turns, as a talking person's do."""
    side, height = pose.yaw / 32, pose.pitch / 40
    names = {}
    if side > 0:
        names.update(eyeLookOut_R=side, eyeLookIn_L=side)
    else:
        names.update(eyeLookOut_L=-side, eyeLookIn_R=-side)
    names["eyeLookDown" if height > 0 else "eyeLookUp"] = abs(height)
    return names


def rotation(yaw, pitch, roll):
    yaw, pitch, roll = np.radians([yaw, -pitch, -roll])
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    about_z = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def _turn(points, normals, pose, is_body):
    """The head follows the pose, the shoulders a third of its turn, the neck what lies between."""
    head = rotation(pose.yaw, pose.pitch, pose.roll)
    body = rotation(pose.yaw * 0.3, 0, 0)
    by_head = (points - NECK_BASE) @ head.T
    by_body = (points - NECK_BASE) @ body.T
    share = np.zeros(len(points)) if is_body else np.clip((points[:, 1] + 14.5) / 7.5, 0, 1)
    share = (share * share * (3 - 2 * share))[:, None]
    turned = share * by_head + (1 - share) * by_body + NECK_BASE
    turned_normals = share * (normals @ head.T) + (1 - share) * (normals @ body.T)
    return turned, turned_normals

