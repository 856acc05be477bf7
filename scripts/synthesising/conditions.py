"""Everything about a picture but the face: where the head turns, the light, the camera, what covers the face."""

from dataclasses import dataclass, field

import numpy as np

LARGEST_YAW, LARGEST_PITCH, LARGEST_ROLL = 30.0, 14.0, 15.0


@dataclass
class Pose:
    yaw: float  # degrees, positive turns the nose to the right of the picture
    pitch: float  # positive looks up
    roll: float  # positive tilts clockwise in the picture
    face_share: float  # width of the face as a share of the picture's
    centre: tuple  # where the middle of the face lies, shares of the picture's side
    distance: float  # of the camera, in widths of the face


@dataclass
class Light:
    direction: np.ndarray  # unit vector from the face to the light: x right, y down, z to the camera
    key: np.ndarray  # (3,) strength by colour
    ambient: np.ndarray  # (3,) from all around
    sky: np.ndarray  # (3,) more of it from above
    shadow: float  # 0 no cast shadows, 1 full ones
    softness: float  # radius of a shadow's edge, shares of the face's width


@dataclass
class Camera:
    exposure: float
    gamma: float
    white_balance: np.ndarray
    saturation: float
    blur: float  # standard deviation in pixels
    motion: tuple  # length in pixels and angle in radians of a motion blur
    shrink: float  # the picture is taken this much smaller and enlarged again
    noise: float  # standard deviation at mid-grey, 8-bit steps
    grey: bool
    quality: int


@dataclass
class Conditions:
    pose: Pose
    light: Light
    camera: Camera
    wall_seed: int
    wall: str  # "own" or the name of a backdrop
    covering: str  # "", "glasses", "hand", "scarf", "shade"
    random: np.random.Generator = field(repr=False)


def draw(random, backdrops):
    wall = "own" if random.random() < 0.35 else str(random.choice(backdrops + ["plain"]))
    covering = str(random.choice(["", "glasses", "hand", "scarf", "shade"], p=[0.78, 0.12, 0.02, 0.03, 0.05]))
    return Conditions(
        _pose(random), _light(random), _camera(random), int(random.integers(1 << 20)), wall, covering, random
    )


def _pose(random):
    wide = random.random() < 0.3
    yaw = np.clip(random.normal(0, 16 if wide else 8), -LARGEST_YAW, LARGEST_YAW)
    return Pose(
        yaw=float(yaw),
        pitch=float(np.clip(random.normal(0, 5.5), -LARGEST_PITCH, LARGEST_PITCH)),
        roll=float(np.clip(random.normal(0, 5.5), -LARGEST_ROLL, LARGEST_ROLL)),
        face_share=random.uniform(0.54, 0.68),
        centre=(0.5 + random.uniform(-0.05, 0.05), 0.53 + random.uniform(-0.04, 0.05)),
        distance=float(np.exp(random.uniform(np.log(4.0), np.log(14.0)))),
    )


def _light(random):
    azimuth, height = np.radians(random.uniform(-85, 85)), np.radians(random.uniform(-10, 60))
    direction = np.array([np.sin(azimuth) * np.cos(height), -np.sin(height), np.cos(azimuth) * np.cos(height)])
    # From the photograph's own flat light to a single hard lamp.
    strength = random.choice([0.15, 0.5, 1.0, 1.8], p=[0.25, 0.3, 0.3, 0.15]) * random.uniform(0.7, 1.3)
    warmth = random.normal(0, 0.10)
    key = strength * np.array([1 + warmth, 1.0, 1 - warmth])
    cool = random.normal(0, 0.06)
    ambient = 0.55 * np.array([1 - cool, 1.0, 1 + cool])
    return Light(
        direction,
        key,
        ambient,
        0.3 * ambient * random.uniform(0, 1.5),
        random.uniform(0.2, 0.85),
        float(random.uniform(0.01, 0.06)),
    )


def _camera(random):
    # Most pictures are clean, some small, some bad: as pictures on the web are.
    shrink, blur, noise, quality, motion = (
        1.0,
        random.uniform(0, 0.5),
        random.uniform(0, 2.5),
        int(random.integers(75, 96)),
        (0, 0),
    )
    kind = random.random()
    if kind < 0.30:
        shrink = float(np.exp(random.uniform(np.log(1.3), np.log(5.5))))
    elif kind < 0.42:
        blur = random.uniform(0.8, 2.6)
    elif kind < 0.48:
        motion = (random.uniform(3, 9), random.uniform(0, np.pi))
    if random.random() < 0.3:
        noise = random.uniform(2, 8)
    if random.random() < 0.35:
        quality = int(random.integers(30, 75))
    return Camera(
        exposure=float(np.exp(random.normal(-0.05, 0.2))),
        gamma=float(np.exp(random.normal(0, 0.14))),
        white_balance=np.exp(random.normal(0, 0.06, 3) * [1, 0.4, 1]),
        saturation=float(np.clip(random.normal(0.95, 0.2), 0.3, 1.5)),
        blur=float(blur),
        motion=motion,
        shrink=shrink,
        noise=float(noise),
        grey=bool(random.random() < 0.2),
        quality=quality,
    )
