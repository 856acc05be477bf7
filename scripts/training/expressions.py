"""The facial expressions, in the order of every network's outputs (the paper's tables and `ferscope` have the same)."""

from errors import Failure

SIX = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
NEUTRAL = "neutral"
SEVEN = (*SIX, NEUTRAL)

# What distributors and people call them.
_SYNONYMS = {
    "angry": "anger",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happy": "happiness",
    "joy": "happiness",
    "smiling": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "neutrality": "neutral",
}


def classes(count):
    """The classes of a network with `count` outputs: 6 (the paper's) or 7 (with neutral, for the field)."""
    return {6: SIX, 7: SEVEN}[count]


def named(word):
    """The expression that `word` names in any case, or None."""
    word = word.strip().lower()
    word = _SYNONYMS.get(word, word)
    return word if word in SEVEN else None


def require(word, place):
    """The expression that `word` names; a failure that tells the `place` where it names none."""
    expression = named(word)
    if expression is None:
        raise Failure(f"{place}: `{word}` is no expression: use {', '.join(SEVEN)}")
    return expression
