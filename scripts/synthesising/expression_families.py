"""What the muscles do in each expression: several families per class, each a range of weight per ICT shape.

The action units follow EMFACS (anger 4 5 7 23, disgust 9 10 15 16, fear 1 2 4 5 20 26, happiness 6 12, sadness 1 4 15
17, surprise 1 2 5 26). A weight is drawn from its range, then scaled by the picture's strength; a shape named without
_L or _R pulls on both sides, a little unevenly. A network judged on real faces needs variety inside a class more than
it needs a perfect example of it: hence families with open and with closed mouths, and mild ones, in every class.
"""

import numpy as np

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

# fmt: off
FAMILIES = {
    "anger": {
        "pressed": {"browDown": (2.7, 3.9), "browInnerUp": (-0.6, -0.1), "browOuterUp": (0.0, 0.4),
            "eyeSquint": (0.0, 0.4), "eyeWide": (0.4, 1.0), "mouthPress": (0.9, 1.4), "noseSneer": (0.3, 0.7),
            "mouthRollLower": (0.0, 0.4), "mouthRollUpper": (0.3, 0.7), "mouthFrown": (0.3, 0.8),
            "mouthShrugLower": (0.4, 1.0)},
        "bared_teeth": {"browDown": (2.7, 3.9), "browInnerUp": (-0.6, -0.1), "browOuterUp": (0.0, 0.4),
            "eyeWide": (0.5, 1.1), "mouthUpperUp": (0.6, 1.0), "mouthLowerDown": (1.1, 1.7),
            "mouthStretch": (0.1, 0.5), "mouthFunnel": (0.0, 0.4), "mouthFrown": (0.0, 0.6), "noseSneer": (0.4, 0.8),
            "jawOpen": (0.04, 0.14)},
        "shout": {"browDown": (2.7, 3.9), "browInnerUp": (-0.6, -0.1), "browOuterUp": (0.0, 0.4),
            "jawOpen": (0.25, 0.48), "mouthLowerDown": (0.8, 1.3), "mouthUpperUp": (0.5, 0.9),
            "noseSneer": (0.7, 1.1), "mouthStretch": (0.0, 0.5), "mouthFrown": (0.0, 0.6), "eyeWide": (0.3, 1.0)},
        "glare": {"browDown": (2.8, 4.0), "browInnerUp": (-0.7, -0.2), "browOuterUp": (0.0, 0.5),
            "eyeWide": (0.8, 1.4), "mouthPress": (0.7, 1.3), "mouthFrown": (0.5, 1.0), "noseSneer": (0.3, 0.7),
            "jawForward": (0.0, 0.5), "mouthShrugLower": (0.3, 0.9), "mouthRollUpper": (0.1, 0.5)},
        "brow_only": {"browDown": (2.9, 4.2), "browInnerUp": (-0.7, -0.2), "browOuterUp": (0.0, 0.5),
            "eyeWide": (0.5, 1.2), "mouthPress": (0.2, 0.7), "noseSneer": (0.3, 0.7), "mouthFrown": (0.1, 0.6),
            "mouthShrugLower": (0.0, 0.4)},
        "tight_open": {"browDown": (2.7, 3.9), "browInnerUp": (-0.6, -0.1), "browOuterUp": (0.0, 0.4),
            "eyeWide": (0.4, 1.0), "mouthFunnel": (0.4, 0.9), "jawOpen": (0.05, 0.14), "mouthLowerDown": (0.9, 1.4),
            "mouthUpperUp": (0.5, 0.9), "noseSneer": (0.5, 0.9), "mouthFrown": (0.0, 0.4)},
    },
    "disgust": {
        "nose_wrinkle": {"noseSneer": (1.0, 1.6), "browDown": (0.5, 1.2), "eyeSquint": (0.5, 1.1),
            "cheekSquint": (0.3, 0.9), "mouthShrugLower": (0.5, 1.0), "mouthFrown": (0.3, 0.8),
            "mouthPress": (0.2, 0.6)},
        "upper_lip": {"noseSneer": (0.9, 1.5), "mouthUpperUp": (0.7, 1.2), "eyeSquint": (0.4, 1.0),
            "browDown": (0.2, 0.8), "cheekSquint": (0.3, 0.8), "mouthFrown": (0.3, 0.8)},
        "gag": {"noseSneer": (1.1, 1.7), "mouthUpperUp": (0.7, 1.1), "jawOpen": (0.12, 0.28),
            "mouthLowerDown": (0.1, 0.5), "mouthFrown": (0.6, 1.1), "eyeSquint": (0.7, 1.2),
            "cheekSquint": (0.3, 0.8), "browDown": (0.2, 0.7), "eyeBlink": (0.05, 0.25)},
        "chin_raise": {"noseSneer": (1.1, 1.7), "mouthFrown": (0.6, 1.1), "mouthShrugLower": (0.6, 1.1),
            "mouthUpperUp": (0.1, 0.5), "browDown": (0.3, 0.9), "eyeSquint": (0.5, 1.1), "cheekSquint": (0.2, 0.7)},
        "recoil": {"noseSneer": (1.1, 1.7), "mouthUpperUp": (0.5, 1.0), "eyeSquint": (0.7, 1.2),
            "eyeBlink": (0.15, 0.4), "cheekSquint": (0.3, 0.8), "mouthFrown": (0.4, 0.9),
            "mouthLowerDown": (0.1, 0.4), "browDown": (0.4, 1.0)},
    },
    "fear": {
        "stretched": {"browInnerUp": (1.4, 2.0), "browOuterUp": (0.1, 0.5), "browDown": (0.6, 1.2),
            "eyeWide": (1.4, 2.1), "mouthStretch": (1.1, 1.7), "jawOpen": (0.12, 0.28), "mouthLowerDown": (0.5, 1.0)},
        "tense_closed": {"browInnerUp": (1.4, 2.0), "browDown": (0.6, 1.1), "eyeWide": (1.5, 2.2),
            "mouthStretch": (0.9, 1.5), "mouthPress": (0.1, 0.5), "browOuterUp": (0.2, 0.6)},
        "brow_and_eye": {"browInnerUp": (1.5, 2.1), "browOuterUp": (0.2, 0.6), "browDown": (0.6, 1.2),
            "eyeWide": (1.6, 2.3), "mouthStretch": (0.2, 0.7), "jawOpen": (0.0, 0.08)},
        "gasp": {"browInnerUp": (1.4, 2.0), "browOuterUp": (0.1, 0.5), "browDown": (0.6, 1.2), "eyeWide": (1.5, 2.2),
            "jawOpen": (0.25, 0.45), "mouthStretch": (0.9, 1.4), "mouthLowerDown": (0.3, 0.7)},
        "clenched": {"browInnerUp": (1.4, 2.0), "browDown": (0.7, 1.3), "browOuterUp": (0.0, 0.4),
            "eyeWide": (1.4, 2.0), "mouthStretch": (1.2, 1.8), "mouthLowerDown": (0.8, 1.4),
            "mouthUpperUp": (0.1, 0.4), "jawOpen": (0.03, 0.12)},
    },
    "happiness": {
        "closed_smile": {"mouthSmile": (0.7, 1.1), "cheekSquint": (0.4, 0.9), "eyeSquint": (0.1, 0.5),
            "mouthPress": (0.0, 0.4), "mouthDimple": (0.0, 0.6)},
        "toothy": {"mouthSmile": (0.9, 1.3), "cheekSquint": (0.6, 1.1), "mouthUpperUp": (0.4, 0.7),
            "mouthLowerDown": (0.2, 0.6), "eyeSquint": (0.2, 0.6), "jawOpen": (0.04, 0.14)},
        "laugh": {"mouthSmile": (0.9, 1.3), "cheekSquint": (0.7, 1.2), "mouthUpperUp": (0.4, 0.8),
            "jawOpen": (0.22, 0.5), "mouthLowerDown": (0.3, 0.7), "eyeSquint": (0.4, 0.9), "eyeBlink": (0.0, 0.3)},
        "slight": {"mouthSmile": (0.45, 0.8), "cheekSquint": (0.1, 0.5), "eyeSquint": (0.0, 0.3),
            "mouthDimple": (0.0, 0.3)},
        "squinting": {"mouthSmile": (0.9, 1.3), "cheekSquint": (0.9, 1.4), "eyeSquint": (0.7, 1.1),
            "eyeBlink": (0.1, 0.45), "mouthUpperUp": (0.1, 0.5), "jawOpen": (0.0, 0.08)},
    },
    "sadness": {
        "pout": {"browInnerUp": (0.8, 1.4), "browDown": (0.1, 0.6), "mouthFrown": (0.8, 1.4),
            "mouthShrugLower": (0.5, 1.0), "eyeBlink": (0.1, 0.3)},
        "cry_open": {"browInnerUp": (0.8, 1.3), "browDown": (0.4, 0.9), "mouthFrown": (0.7, 1.2),
            "eyeSquint": (0.5, 1.0), "cheekSquint": (0.3, 0.8), "jawOpen": (0.12, 0.32), "mouthLowerDown": (0.3, 0.7),
            "mouthStretch": (0.1, 0.5), "eyeBlink": (0.15, 0.5)},
        "brow_only": {"browInnerUp": (1.3, 2.0), "browDown": (0.3, 0.8), "eyeBlink": (0.15, 0.35),
            "mouthFrown": (0.2, 0.6)},
        "lowered": {"browInnerUp": (1.1, 1.8), "browDown": (0.2, 0.7), "mouthFrown": (0.9, 1.4),
            "eyeLookDown": (0.3, 0.7), "eyeBlink": (0.1, 0.3), "mouthShrugLower": (0.3, 0.8)},
        "held_back": {"browInnerUp": (0.8, 1.3), "browDown": (0.4, 0.8), "mouthFrown": (0.6, 1.1),
            "mouthPress": (0.4, 0.9), "mouthShrugLower": (0.4, 0.9), "cheekSquint": (0.2, 0.6),
            "eyeBlink": (0.05, 0.25)},
    },
    "surprise": {
        "jaw_drop": {"browInnerUp": (0.9, 1.4), "browOuterUp": (0.9, 1.4), "eyeWide": (0.8, 1.4),
            "jawOpen": (0.4, 0.7)},
        "o_mouth": {"browInnerUp": (0.8, 1.3), "browOuterUp": (0.8, 1.3), "eyeWide": (0.7, 1.3),
            "jawOpen": (0.25, 0.5), "mouthFunnel": (0.3, 0.8)},
        "brow_only": {"browInnerUp": (1.3, 1.9), "browOuterUp": (1.3, 1.9), "eyeWide": (1.3, 2.0),
            "jawOpen": (0.0, 0.07)},
        "parted": {"browInnerUp": (0.9, 1.5), "browOuterUp": (0.9, 1.5), "eyeWide": (0.8, 1.4),
            "jawOpen": (0.12, 0.28)},
        "startled": {"browInnerUp": (0.9, 1.4), "browOuterUp": (0.8, 1.3), "eyeWide": (1.0, 1.5),
            "jawOpen": (0.3, 0.55), "mouthUpperUp": (0.0, 0.3), "mouthLowerDown": (0.1, 0.5)},
    },
    "neutral": {
        "rest": {},
        "parted_lips": {"jawOpen": (0.02, 0.08), "mouthLowerDown": (0.0, 0.2)},
        "tired": {"eyeBlink": (0.1, 0.3), "mouthFrown": (0.0, 0.12)},
        "set": {"browDown": (-0.15, 0.3), "mouthPress": (0.0, 0.3), "eyeSquint": (0.0, 0.25)},
    },
}
# fmt: on

# Shapes without a left and a right half.
UNSIDED = (
    "jawForward",
    "jawLeft",
    "jawOpen",
    "jawRight",
    "mouthClose",
    "mouthFunnel",
    "mouthLeft",
    "mouthPucker",
    "mouthRight",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
)

# The shape of each action unit of FACS that a recipe uses and the head has a shape for. It cannot tell the tightener of the
# lips (23) from their presser (24), nor the drop of the jaw (26) from its stretch (27).
ACTION_UNITS = {
    1: "browInnerUp",
    2: "browOuterUp",
    4: "browDown",
    5: "eyeWide",
    6: "cheekSquint",
    7: "eyeSquint",
    9: "noseSneer",
    10: "mouthUpperUp",
    12: "mouthSmile",
    14: "mouthDimple",
    15: "mouthFrown",
    16: "mouthLowerDown",
    17: "mouthShrugLower",
    18: "mouthPucker",
    20: "mouthStretch",
    22: "mouthFunnel",
    24: "mouthPress",
    26: "jawOpen",
    28: "mouthRollLower",
    43: "eyeBlink",
}

# Small movements that say nothing about the expression.
IDLE = {
    "browInnerUp": 0.12,
    "browOuterUp": 0.12,
    "browDown": 0.2,
    "cheekPuff": 0.06,
    "eyeSquint": 0.2,
    "mouthDimple": 0.2,
    "jawLeft": 0.06,
    "jawRight": 0.06,
    "mouthLeft": 0.05,
    "mouthRight": 0.05,
    "mouthPucker": 0.06,
    "jawOpen": 0.03,
    "mouthPress": 0.15,
    "mouthShrugUpper": 0.08,
    "eyeBlink": 0.08,
    "eyeWide": 0.08,
}

STRENGTHS = (0.5, 1.2)
LARGEST_WEIGHT = 3.8  # beyond it brows sink into the eyes


def draw(expression, turn, random):
    """Family, strength and shape weights of one picture.

    turn: which family, modulo their number. random: numpy Generator of this picture. Returns (family, strength,
    {full shape name: weight}).
    """
    families = list(FAMILIES[expression])
    family = families[turn % len(families)]
    # More near the apex than faint: a faint face is often nothing but neutral.
    strength = STRENGTHS[0] + (STRENGTHS[1] - STRENGTHS[0]) * random.beta(2.2, 1.8)
    skew = random.normal(0, 0.22 if random.random() < 0.15 else 0.09)
    weights = {}
    for name, (low, high) in FAMILIES[expression][family].items():
        own_skew = skew + random.normal(0, 0.05)
        _pull(
            weights,
            name,
            min(random.uniform(low, high) * strength, LARGEST_WEIGHT),
            float(np.clip(own_skew, -0.6, 0.6)),
        )
    for name in random.choice(list(IDLE), size=3, replace=False):
        _pull(weights, str(name), IDLE[str(name)] * random.uniform(0, 1), random.uniform(-1, 1))
    gaze_side, gaze_height = random.normal(0, 0.18), random.normal(0, 0.15)
    _pull(weights, "eyeLookOut" if gaze_side > 0 else "eyeLookIn", abs(gaze_side), 0, sides="L")
    _pull(weights, "eyeLookIn" if gaze_side > 0 else "eyeLookOut", abs(gaze_side), 0, sides="R")
    _pull(weights, "eyeLookUp" if gaze_height > 0 else "eyeLookDown", abs(gaze_height), 0)
    return family, float(strength), weights


def action_units(weights):
    """{"au1_L": strength, "au1_R": strength, ...} of full shape names with weights; 1 is the shape as modelled.

    Shapes that pull the other way, such as brows below their rest, are no action of this unit: 0. A shape without sides
    has the same strength on both.
    """
    return {
        f"au{unit}_{side}": max(float(weights.get(shape if shape in UNSIDED else f"{shape}_{side}", 0.0)), 0.0)
        for unit, shape in ACTION_UNITS.items()
        for side in "LR"
    }


def _pull(weights, name, weight, skew, sides="LR"):
    if name in UNSIDED:
        weights[name] = weights.get(name, 0.0) + weight
        return
    for side, factor in (("L", 1 + skew), ("R", 1 - skew)):
        if side in sides:
            weights[f"{name}_{side}"] = weights.get(f"{name}_{side}", 0.0) + weight * factor
