"""The ICT head: identity, expression, landmarks and which vertex belongs to which part."""

from dataclasses import dataclass

import numpy as np

# Vertex numbers of the 68 iBUG landmarks, in iBUG order.
LANDMARK_VERTICES = np.array(
    """1225 1888 1052 367 1719 1722 2199 1447 966 3661 4390 3927 3924 2608 3272 4088 3443 268 493 1914 2044 1401
    3615 4240 4114 2734 2509 978 4527 4942 4857 1140 2075 1147 4269 3360 1507 1542 1537 1528 1518 1511 3742 3751
    3756 3721 3725 3732 5708 5695 2081 0 4275 6200 6213 6346 6461 5518 5957 5841 5702 5711 5533 6216 6207 6470
    5517 5966""".split(),
    dtype=int,
)

FACE, SCALP_AND_NECK, MOUTH_SOCKET, EYE_SOCKET, GUMS, TEETH, EYEBALL, HAIR, CLOTH = range(9)
PART_STARTS = [
    (0, FACE),
    (9409, SCALP_AND_NECK),
    (11248, MOUTH_SOCKET),
    (13294, EYE_SOCKET),
    (14062, GUMS),
    (17039, TEETH),
    (21451, EYEBALL),
    (24591, None),  # lacrimal, eye-blend, eye-occlusion and lash meshes need translucency, which we do not have
]
# The sclera mesh includes the cornea and hides the iris mesh, so the iris is painted on it instead.
IRIS_MESHES = ((22221, 23021), (23791, 24591))


@dataclass
class HeadModel:
    rest: np.ndarray  # (V, 3) the mean head
    triangles: np.ndarray  # (T, 3) only the parts that are drawn
    part: np.ndarray  # (V,) part of each vertex
    expression_names: list
    expressions: np.ndarray  # (E, V, 3)
    identities: np.ndarray  # (I, V, 3)

    @property
    def rest_landmarks(self):
        return self.rest[LANDMARK_VERTICES]


def load(path):
    with np.load(path, allow_pickle=False) as file:
        rest = file["V"].astype(np.float64)
        part = _parts(len(rest))
        triangles = file["tri"]
        # Back and shoulders of the scan are hidden under clothes; drawn, they would poke through the seams.
        bare = (part != SCALP_AND_NECK) | (rest[:, 1] > -9.8)
        drawn = ((part >= 0) & bare)[triangles].all(axis=1)
        return HeadModel(
            rest=rest,
            triangles=triangles[drawn].astype(np.int64),
            part=part,
            expression_names=[str(name) for name in file["ex"]],
            expressions=file["E"].astype(np.float32),
            identities=file["I"].astype(np.float32),
        )


def _parts(count):
    part = np.full(count, -1)
    ends = [start for start, _ in PART_STARTS[1:]] + [count]
    for (start, name), end in zip(PART_STARTS, ends):
        part[start:end] = -1 if name is None else name
    for start, end in IRIS_MESHES:
        part[start:end] = -1
    return part


def identity_shape(model, coefficients):
    """The neutral head of one person: mean plus the weighted identity modes."""
    modes = model.identities[: len(coefficients)]
    return model.rest + np.tensordot(coefficients, modes, axes=1)


def with_expression(model, neutral, weights):
    """Add expression shapes; a weight named without _L or _R drives both sides."""
    shape = neutral.copy()
    for name, weight in weights.items():
        for full_name in _sided_names(model, name):
            shape += weight * model.expressions[model.expression_names.index(full_name)]
    return shape


def _sided_names(model, name):
    return [full for full in (name, name + "_L", name + "_R") if full in model.expression_names]


def vertex_normals(points, triangles):
    corners = points[triangles]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(points)
    for k in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(triangles[:, k], face_normals[:, axis], len(points))
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
