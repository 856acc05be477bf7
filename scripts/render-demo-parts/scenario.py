"""The film: who appears when, in which room and light, feeling what."""

from dataclasses import dataclass

import numpy as np

from lighting import Lights
from people import Person, Pose

CAST = {
    person.name: person
    for person in (
        Person("ada", 101, (228, 186, 160), (92, 58, 34), (74, 44, 26), (84, 116, 138), (178, 88, 84), (52, 84, 122),
               "bob", neckline=2.6, freckles=0.5),
        Person("bo", 204, (120, 80, 58), (20, 17, 16), (18, 14, 12), (52, 32, 20), (112, 58, 54), (186, 148, 70),
               "afro", neckline=1.2, pattern="stripes"),
        Person("chen", 103, (222, 178, 138), (24, 20, 20), (26, 20, 18), (58, 38, 24), (168, 92, 84), (70, 74, 84),
               "short", pattern="jacket", neckline=3.0),
        Person("dora", 104, (198, 148, 112), (34, 24, 20), (32, 22, 18), (74, 48, 26), (156, 70, 70), (148, 52, 66),
               "long", neckline=2.8),
        Person("emil", 105, (232, 192, 170), (166, 124, 70), (118, 82, 46), (96, 128, 108), (180, 100, 94),
               (86, 112, 92), "swept", stubble=0.25, neckline=1.0),
        Person("fatou", 106, (94, 62, 46), (18, 15, 15), (16, 13, 12), (46, 28, 18), (106, 48, 50), (206, 200, 186),
               "tied", neckline=2.4),
        Person("goran", 107, (214, 168, 140), (64, 58, 56), (58, 50, 46), (88, 100, 110), (160, 88, 82), (60, 58, 72),
               "receding", stubble=0.45, pattern="jacket", neckline=3.0),
        Person("hana", 108, (228, 188, 152), (30, 24, 22), (34, 26, 22), (62, 40, 26), (182, 84, 86), (222, 214, 204),
               "long", neckline=2.0),
        Person("iris", 109, (172, 122, 90), (46, 28, 20), (36, 24, 18), (80, 56, 30), (150, 70, 66), (64, 120, 124),
               "curly", neckline=2.4),
        Person("jonas", 110, (226, 180, 154), (120, 66, 34), (98, 54, 30), (92, 124, 146), (172, 92, 88),
               (120, 60, 52), "crop", stubble=0.35, neckline=1.2, freckles=0.6),
        Person("kofi", 204, (104, 70, 52), (18, 16, 16), (18, 14, 13), (48, 30, 20), (104, 60, 58), (58, 92, 74),
               "crop", stubble=0.3, neckline=1.4),
        Person("lena", 112, (236, 198, 178), (196, 160, 104), (132, 96, 58), (96, 134, 150), (188, 96, 96),
               (96, 80, 124), "bob", neckline=2.8),
    )
}

DAYLIGHT = Lights((-0.55, 0.55, 0.85), (0.92, 0.92, 0.90), (0.8, 0.15, 0.7), (0.26, 0.27, 0.29), (0.30, 0.32, 0.35),
                  (0.17, 0.15, 0.14))
LAMP = Lights((0.65, 0.50, 0.80), (1.02, 0.88, 0.70), (-0.7, 0.20, 0.8), (0.24, 0.25, 0.30), (0.26, 0.25, 0.25),
              (0.16, 0.13, 0.11))
OVERCAST = Lights((0.10, 0.75, 0.80), (0.72, 0.74, 0.78), (-0.3, 0.0, 1.0), (0.28, 0.28, 0.29), (0.36, 0.38, 0.41),
                  (0.20, 0.19, 0.18), softness=1.0)
EVENING = Lights((-0.75, 0.35, 0.70), (0.98, 0.80, 0.60), (0.7, 0.25, 0.7), (0.22, 0.27, 0.38), (0.20, 0.22, 0.28),
                 (0.14, 0.12, 0.12))


@dataclass(frozen=True)
class Part:
    """One person's part in a clip: the pose drifts from `start` to `end` while the expression grows."""

    name: str
    expression: str
    kind: int
    start: Pose
    end: Pose
    apex: float = 1.0
    skew: float = 0.0


@dataclass(frozen=True)
class Clip:
    room: str
    room_seed: int
    lights: Lights
    frames: int
    parts: tuple = ()


def _single(x, y, size):
    """Both ends of a drift share place and size; the turn is what differs."""

    def pose(yaw, pitch, roll, dx=0.0, dy=0.0):
        return Pose(yaw, pitch, roll, (x + dx, y + dy), size)

    return pose


def _clips():
    near, left, right = _single(320, 225, 10.8), _single(180, 240, 9.6), _single(462, 232, 10.2)
    close, far, middle = _single(335, 228, 11.2), _single(250, 250, 6.2), _single(350, 230, 10.0)
    return (
        Clip("wall", 1, DAYLIGHT, 6, (Part("lena", "happiness", 0, near(-12, 0, 3), near(6, 2, -4, 8, 3)),)),
        Clip("shelf", 38, LAMP, 6, (Part("chen", "anger", 0, close(8, 0, 0), close(-4, -5, 4, -10, 6)),)),
        Clip("office", 3, OVERCAST, 2),
        Clip("office", 3, OVERCAST, 6, (Part("bo", "surprise", 0, middle(0, -4, 2), middle(12, 5, -3, 6, -4)),)),
        Clip("window", 13, DAYLIGHT, 6, (
            Part("dora", "sadness", 0, left(10, -2, 0), left(16, -7, 8, 4, 6)),
            Part("emil", "happiness", 1, right(-14, 0, 2), right(-20, 3, -6, -6, 0)),
        )),
        Clip("kitchen", 5, OVERCAST, 6, (Part("fatou", "fear", 0, near(6, 0, -2), near(-6, 3, 3, -6, -8)),)),
        Clip("bokeh", 42, EVENING, 6, (Part("goran", "disgust", 1, middle(-12, 2, 0), middle(4, 0, -8, 10, 4)),)),
        Clip("wall", 7, LAMP, 6, (Part("hana", "sadness", 0, close(-4, 0, 0), close(4, -6, -6, 6, 8)),)),
        Clip("kitchen", 8, DAYLIGHT, 2),
        Clip("shelf", 40, DAYLIGHT, 6, (
            Part("jonas", "anger", 1, left(4, 0, -3), left(14, -3, 2, 5, 2)),
            Part("iris", "surprise", 1, right(-8, 0, 0), right(-12, 4, 5, -4, -5)),
        )),
        Clip("window", 4, OVERCAST, 6, (Part("kofi", "happiness", 0, far(18, 0, 0), far(2, 3, 10, 30, 2)),)),
        Clip("office", 11, LAMP, 6, (Part("ada", "disgust", 0, near(10, 0, 0), near(-8, -2, 6, -8, 0)),)),
        Clip("bokeh", 12, EVENING, 6, (Part("iris", "fear", 0, middle(-25, 0, 4), middle(-8, 4, -4, 6, -6)),)),
    )


CLIPS = _clips()

# Neutral, then the muscles set in, overshoot a little and hold.
GROWTH = np.array([0.0, 0.25, 0.6, 0.9, 1.0, 1.0])


@dataclass(frozen=True)
class Shot:
    """One face in one frame."""

    part: Part
    pose: Pose
    strength: float


def shots(clip, frame):
    """The faces of one frame of a clip, 0 <= frame < clip.frames."""
    time = frame / max(clip.frames - 1, 1)
    growth = float(np.interp(time, np.linspace(0, 1, len(GROWTH)), GROWTH))
    return [Shot(part, _between(part.start, part.end, time), part.apex * growth) for part in clip.parts]


def _between(start, end, share):
    ease = share * share * (3 - 2 * share)

    def mix(a, b):
        return a + (b - a) * ease

    return Pose(
        mix(start.yaw, end.yaw),
        mix(start.pitch, end.pitch),
        mix(start.roll, end.roll),
        (mix(start.centre[0], end.centre[0]), mix(start.centre[1], end.centre[1])),
        mix(start.pixels_per_unit, end.pixels_per_unit),
    )
