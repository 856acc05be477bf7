"""The paper's twelve networks (its Table 1): what each is, how it was trained, and how it is built.

Every network takes the paper's input: a grey crop replicated to three channels, bytes divided by 255, so values from 0
to 1, shape (batch, side, side, 3).
"""

import dataclasses
from collections.abc import Callable

from errors import Failure
from networks import alexnet, efficientnet, inception, mobilenet, resnet, silnet, songnet, vgg, weinet, xception


@dataclasses.dataclass(frozen=True)
class Architecture:
    """One row of the paper's Table 1."""

    name: str  # as in file names and on the command line
    paper_name: str  # as the authors spell it in the names of their weight files
    side: int  # of the input, in pixels
    parameters: str  # with six classes, as printed in Table 1
    epochs: int
    optimiser: str
    learning_rate: float
    build: Callable  # (classes, weights=None, built_in_scaling=False, side=...) -> keras.Sequential
    pretrained: bool = False  # whether the paper starts from ImageNet weights


def _application(name, paper_name, parameters, epochs, learning_rate, build):
    return Architecture(name, paper_name, 224, parameters, epochs, "adam", learning_rate, build, True)


ARCHITECTURES = {
    architecture.name: architecture
    for architecture in (
        Architecture("alexnet", "AlexNet", 224, "88.7 M", 10, "rmsprop", 1e-4, alexnet.build),
        Architecture("weinet", "WeiNet", 64, "1.7 M", 10, "rmsprop", 1e-4, weinet.build),
        Architecture("songnet", "SongNet", 224, "172.7 K", 25, "rmsprop", 1e-4, songnet.build),
        Architecture("silnet", "SilNet", 150, "184.9 M", 10, "adam", 1e-4, silnet.build),
        _application("vgg16", "VGG16", "14.7 M", 2, 1e-4, vgg.build_16),
        _application("vgg19", "VGG19", "20 M", 2, 1e-4, vgg.build_19),
        _application("resnet50", "ResNet50", "23.6 M", 2, 1e-4, resnet.build_50),
        _application("resnet101v2", "ResNet101V2", "42.6 M", 2, 1e-4, resnet.build_101_v2),
        _application("inceptionv3", "InceptionV3", "21.8 M", 2, 1e-4, inception.build),
        _application("xception", "Xception", "20.9 M", 2, 1e-4, xception.build),
        _application("mobilenetv3", "MobileNetV3Large", "3 M", 15, 1e-6, mobilenet.build),
        _application("efficientnetv2", "EfficientNetV2B0", "5.9 M", 10, 1e-6, efficientnet.build),
    )
}


def find(name):
    """The architecture of that name, also in the authors' spelling, in any case."""
    for architecture in ARCHITECTURES.values():
        if name.lower() in (architecture.name, architecture.paper_name.lower()):
            return architecture
    raise Failure(f"no network is named `{name}`: there are {', '.join(ARCHITECTURES)}, or `all`")


def find_all(names):
    """The architectures of a list such as `weinet,songnet`, or of `all`; each once, in the order given."""
    if names == "all":
        return list(ARCHITECTURES.values())
    return list({find(name.strip()).name: find(name.strip()) for name in names.split(",")}.values())
