"""Training one network on one fold: resumable after every epoch, the same for the same seed on the same machine."""

import hashlib
import json
import shutil
import time

import keras
import numpy

import augmentation as augmenting
import expressions
import files
import fused_batch_normalisation
import growing
import metrics
import weights as weight_files
from errors import Failure
from progress import Progress

fused_batch_normalisation.use()

# In Keras' MobileNetV3 a moving average takes 1000 steps to follow, in ResNet, Inception and Xception 100. Runs from random
# weights on a few thousand pictures have only some hundreds, and would be evaluated with averages still near their start.
LARGEST_MOMENTUM = 0.9

OPTIMISERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": lambda rate, **options: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, **options),
}

# What layers compute in. Weights, the last layer and the finished network are float32 with either.
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}

# At prediction; changes no result.
PREDICTION_BATCH = 32


def build(architecture, settings, side):
    """The network to train on pictures of that side, with its initial weights, and its optimiser not yet set."""
    # Keras takes 32 bits.
    keras.utils.set_random_seed((settings["seed"] * 1000 + settings["fold"]) % 2**32)
    classes = len(settings["classes"])
    imagenet = "imagenet" if settings["weights"] == "imagenet" else None
    keras.config.set_dtype_policy(PRECISIONS[settings["precision"]])
    try:
        network = architecture.build(classes, weights=imagenet, side=side)
    finally:
        keras.config.set_dtype_policy("float32")
    if settings["weights"] not in ("imagenet", "none"):
        load_weights(network, settings["weights"], architecture.name)
    is_he = settings["initialisation"] == "he" and settings["weights"] == "none"
    for layer in layers_of(network):
        if isinstance(layer, keras.layers.BatchNormalization) and imagenet is None:
            layer.momentum = min(layer.momentum, LARGEST_MOMENTUM)
        elif isinstance(layer, keras.layers.Dropout) and side < architecture.side:
            layer.rate = 0.0
        elif isinstance(layer, keras.layers.Dropout) and settings["dropout"] is not None:
            layer.rate = settings["dropout"]
        elif isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense)) and layer is not network.layers[-1] and is_he:
            layer.kernel.assign(keras.initializers.HeUniform()(layer.kernel.shape))
    return network


def layers_of(network):
    """All layers, those of networks inside it too."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def load_weights(network, path, name):
    """Starts from a file: what an earlier run left (.keras, also with another number of classes) or Keras 2's HDF5."""
    if not str(path).endswith(".keras"):
        weight_files.load(network, path, name)
        return
    try:
        earlier = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: is no network that Keras can read: {error}") from None
    ours, theirs = network.weights, earlier.weights
    fits = [a.shape == b.shape for a, b in zip(ours, theirs)]
    # The last layer may differ: six classes and seven.
    if len(ours) != len(theirs) or not all(fits[:-2]):
        raise Failure(f"{path}: is another network than {name}")
    for variable, value, fit in zip(ours, theirs, fits):
        if fit:
            variable.assign(value)


def compile_network(network, settings, epochs, updates_per_epoch):
    """Sets the optimiser and the loss. `batch` pictures make an update, `micro_batch` of them are in memory at once.

    `epochs` are those that the schedule of the learning rate lasts.
    """
    steps = settings["batch"] // settings["micro_batch"]
    rate = settings["learning_rate"]
    if settings["schedule"] == "cosine":
        updates = max(epochs * updates_per_epoch, 1)
        warm_up = min(updates // 10, 5 * updates_per_epoch)
        # Keras asks its schedules once per micro-batch, not per update.
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(updates - warm_up, 1) * steps, warmup_target=rate, warmup_steps=max(warm_up, 1) * steps
        )
    options = {"gradient_accumulation_steps": steps} if steps > 1 else {}
    network.compile(
        optimizer=OPTIMISERS[settings["optimiser"]](rate, **options),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=settings["label_smoothing"]),
        metrics=["accuracy"],
        jit_compile=False,  # measured: XLA is 3 to 5 times slower here
    )


def train_fold(architecture, settings, faces, labels, sets, folder, people_learnt):
    """Trains, or goes on training, and evaluates; returns the result, which is also in `folder/result.json`.

    `faces` is (n, side, side) grey bytes, `labels` (n) class indices, `sets` the three index arrays of `folds.split`,
    `people_learnt` the names of those who are in the training pictures and in what the network starts from.
    The finished network is `folder/network.keras`.
    """
    result_path = folder / "result.json"
    own = fingerprint(settings, faces, labels, sets)
    if result_path.exists():
        result = files.read_json(result_path)
        _require_same(result["fingerprint"], own, folder)
        return result
    training, test, strange = sets
    batch = settings["batch"]
    updates = max(-(-len(training) // batch), 1)
    half_size_epochs = settings["half_size_epochs"]
    if half_size_epochs and architecture.side % 2:
        raise Failure(f"{architecture.name} takes pictures of {architecture.side} pixels, which have no half")
    halves = growing.halve(faces) if half_size_epochs else faces
    network, history = _resume(architecture, settings, folder, own, updates)
    classes = settings["classes"]
    label = f"{architecture.name} fold {settings['fold']}"
    for epoch in range(len(history) + 1, settings["epochs"] + 1):
        generator = numpy.random.default_rng([settings["seed"], settings["fold"], epoch])
        pictures = halves if epoch <= half_size_epochs else faces
        augmentation = augmenting.BY_NAME["paper" if epoch <= settings["gentle_epochs"] else settings["augmentation"]]
        if half_size_epochs and epoch == half_size_epochs + 1:
            small, network = network, build(architecture, settings, architecture.side)
            growing.grow(small, network)
            rate = settings["whole_size_learning_rate"] or settings["learning_rate"]
            compile_network(network, {**settings, "learning_rate": rate}, settings["epochs"] - half_size_epochs, updates)
        _set_dropout(network, [settings["seed"], settings["fold"], epoch, 0xD20])
        history.append(
            _train_epoch(network, settings, pictures, labels, training, generator, augmentation, updates,
                         f"{label}, epoch {epoch} of {settings['epochs']}", len(classes))
        )  # fmt: skip
        _save(network, history, own, folder)
    if settings["precision"] != "float32":
        trained = network
        network = architecture.build(len(classes))
        network.set_weights(trained.get_weights())
    probabilities = predict(network, faces[test])
    result = {
        "network": architecture.name,
        "settings": settings,
        "fingerprint": own,
        "training_pictures": len(training),
        "people_learnt": sorted(people_learnt),
        "history": history,
        "test": metrics.measure(labels[test], probabilities, classes),
    }
    if expressions.NEUTRAL in classes:
        # What it would answer to the paper's question: which of the six, of faces that show one.
        result["test_six_classes"] = metrics.measure_without(expressions.NEUTRAL, labels[test], probabilities, classes)
    if len(strange):
        answers = predict(network, faces[strange])
        result["test_held_out_families"] = metrics.measure(labels[strange], answers, classes)
    folder.mkdir(parents=True, exist_ok=True)
    network.save(folder / "network.partial.keras", include_optimizer=False)
    (folder / "network.partial.keras").replace(folder / "network.keras")
    files.write_json(result_path, result)
    shutil.rmtree(folder / "state", ignore_errors=True)
    return result


def _set_dropout(network, seed):
    """Dropout draws the same in this epoch whether the run was interrupted before or not: Keras keeps no state of it."""
    generator = numpy.random.default_rng(seed)
    for layer in layers_of(network):
        if isinstance(layer, keras.layers.Dropout) and layer.rate:
            layer.seed_generator.state.assign([int(generator.integers(2**31)), 0])


def predict(network, faces):
    """Probabilities (n, classes) of grey byte crops (n, side, side)."""
    rows = [
        numpy.asarray(network(augmenting.plain(faces[start : start + PREDICTION_BATCH]), training=False))
        for start in range(0, len(faces), PREDICTION_BATCH)
    ]
    return numpy.concatenate(rows) if rows else numpy.zeros((0, network.output_shape[-1]), numpy.float32)


def _train_epoch(network, settings, faces, labels, training, generator, augmentation, updates, title, classes):
    size = settings["micro_batch"]
    count = updates * settings["batch"]
    order = generator.permutation(training)
    # The last batch is filled from the beginning, so that every update has the same weight.
    order = numpy.resize(order, count)
    targets = numpy.eye(classes, dtype=numpy.float32)
    progress = Progress(title, count)
    start = time.monotonic()
    loss = accuracy = 0.0
    for done, place in enumerate(range(0, count, size)):
        chosen = order[place : place + size]
        pictures = augmenting.augment(faces[chosen], augmentation, generator)
        state = network.train_on_batch(pictures, targets[labels[chosen]], return_dict=True)
        # Means over the epoch: what is returned is of these pictures only.
        loss += (float(state["loss"]) - loss) / (done + 1)
        accuracy += (float(state["accuracy"]) - accuracy) / (done + 1)
        note = f"loss {loss:.3f}, accuracy {accuracy:.3f}"
        progress.advance(size, note)
    seconds = time.monotonic() - start
    progress.finish(f"pictures, {note}")
    if not numpy.isfinite(loss):
        raise Failure(f"{title}: the loss is no number any more: give a smaller --learning-rate and another --out")
    return {
        "loss": round(loss, 5),
        "accuracy": round(accuracy, 5),
        "seconds": round(seconds, 1),
        "pictures_per_second": round(count / seconds, 1),
    }


def fingerprint(settings, faces, labels, sets):
    """What a run must have in common with the one it goes on with: settings and data."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    digest.update(numpy.ascontiguousarray(labels).tobytes())
    for indices in sets:
        digest.update(numpy.ascontiguousarray(indices).tobytes())
    digest.update(numpy.ascontiguousarray(faces.reshape(len(faces), -1)[:, ::97]).tobytes())
    return digest.hexdigest()[:16]


def _require_same(stored, fingerprint, folder):
    if stored != fingerprint:
        raise Failure(f"{folder}: holds a run with other settings or other pictures: give another --out, or delete it")


def _save(network, history, fingerprint, folder):
    """Keeps everything needed to go on. A folder is written whole and then renamed, so a kill leaves the last epoch."""
    fresh, state = folder / "state.partial", folder / "state"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    network.save(fresh / "network.keras")
    files.write_json(fresh / "history.json", {"fingerprint": fingerprint, "epochs": history})
    previous = folder / "state.previous"
    shutil.rmtree(previous, ignore_errors=True)
    if state.exists():
        state.rename(previous)
    fresh.rename(state)
    shutil.rmtree(previous, ignore_errors=True)


def _resume(architecture, settings, folder, fingerprint, updates):
    for state in (folder / "state", folder / "state.previous"):
        if (state / "history.json").exists():
            stored = files.read_json(state / "history.json")
            _require_same(stored["fingerprint"], fingerprint, folder)
            try:
                network = keras.saving.load_model(state / "network.keras")
            except (OSError, ValueError, KeyError) as error:
                raise Failure(f"{state}: cannot be read ({error}): delete it and run the command again") from None
            return network, stored["epochs"]
    half_size_epochs = settings["half_size_epochs"]
    if half_size_epochs:
        # A network that cannot grow is refused now, not when the epochs on small pictures have been spent.
        whole = build(architecture, settings, architecture.side)
        network = build(architecture, settings, architecture.side // 2)
        growing.grow(network, whole)
    else:
        network = build(architecture, settings, architecture.side)
    compile_network(network, settings, half_size_epochs or settings["epochs"], updates)
    return network, []
