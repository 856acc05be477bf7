"""Which muscles (ICT shapes) each expression pulls, at full strength.

The kinds were tuned by eye and then against an expression network that has never seen these heads; a kind that it read
as something else was changed, its label never was.
"""

KINDS = {
    "neutral": [{}],
    "happiness": [
        {"cheekSquint": 1.0, "mouthSmile": 1.1, "eyeSquint": 0.5, "mouthUpperUp": 0.5, "mouthLowerDown": 0.35,
         "jawOpen": 0.1},
        {"cheekSquint": 1.0, "mouthSmile": 1.2, "eyeSquint": 0.4, "mouthUpperUp": 0.6, "mouthLowerDown": 0.5,
         "jawOpen": 0.25},
    ],
    "surprise": [
        {"browInnerUp": 1.0, "browOuterUp": 1.0, "eyeWide": 1.0, "jawOpen": 0.5},
        {"browInnerUp": 1.2, "browOuterUp": 1.2, "eyeWide": 1.1, "jawOpen": 0.5, "mouthFunnel": 0.3},
    ],
    "anger": [
        # shouting
        {"browDown": 2.2, "jawOpen": 0.42, "mouthLowerDown": 0.9, "mouthUpperUp": 0.6, "noseSneer": 0.9,
         "mouthStretch": 0.4, "eyeSquint": 0.3},
        # teeth bared
        {"browDown": 2.2, "jawOpen": 0.3, "mouthLowerDown": 1.0, "mouthUpperUp": 0.5, "noseSneer": 0.8,
         "mouthStretch": 0.3, "eyeSquint": 0.2},
    ],
    "disgust": [
        {"noseSneer": 1.4, "mouthUpperUp": 0.8, "eyeSquint": 1.0, "cheekSquint": 1.0, "mouthShrugLower": 0.6,
         "mouthFrown": 0.5},
        {"noseSneer": 1.5, "mouthUpperUp": 0.3, "mouthShrugUpper": 0.6, "mouthShrugLower": 0.6, "eyeSquint": 1.0,
         "cheekSquint": 0.9, "mouthFrown": 0.4},
    ],
    "fear": [
        {"browInnerUp": 1.3, "browOuterUp": 0.3, "browDown": 0.8, "eyeWide": 1.2, "mouthStretch": 1.2,
         "jawOpen": 0.2, "mouthLowerDown": 0.6},
    ],
    "sadness": [
        {"browInnerUp": 1.0, "mouthFrown": 1.0, "eyeBlink": 0.3, "mouthShrugLower": 0.5},
    ],
}

# A face at rest: without this the model's eyes are a little too wide and its lips a little apart.
REST = {"eyeBlink": 0.16, "browDown": 0.12, "mouthPress": 0.25}


def weights(expression, kind, strength, skew=0.0):
    """Shape weights of an expression; skew > 0 lets the left side of the face pull harder than the right."""
    result = {}
    for name, weight in REST.items():
        _pull(result, name, weight * max(0.0, 1 - strength), 0.0)
    for name, weight in KINDS[expression][kind].items():
        _pull(result, name, weight * strength, skew)
    return result


def _pull(result, name, weight, skew):
    if name.startswith(("jaw", "mouthRoll", "mouthShrug", "mouthFunnel", "mouthPucker")):
        result[name] = result.get(name, 0.0) + weight
    else:
        result[name + "_L"] = result.get(name + "_L", 0.0) + weight * (1 + skew)
        result[name + "_R"] = result.get(name + "_R", 0.0) + weight * (1 - skew)
