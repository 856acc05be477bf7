"""From linear light to the file: exposure, tone, sharpness, resolution, grain, 8 bits."""

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates


def develop(colour, camera, random):
    """colour (H, W, 3) linear; returns an 8-bit RGB picture. Quality of the JPEG is the caller's."""
    picture = np.clip(colour, 0, None) * camera.exposure * camera.white_balance
    grey = picture @ [0.3, 0.59, 0.11]
    picture = grey[..., None] + (picture - grey[..., None]) * camera.saturation
    picture = np.clip(picture, 0, None)
    picture = np.where(picture < 0.7, picture, 0.7 + 0.3 * (1 - np.exp(-(picture - 0.7) / 0.3)))
    if camera.motion[0]:
        picture = _motion(picture, *camera.motion)
    if camera.blur:
        picture = gaussian_filter(picture, (camera.blur, camera.blur, 0))
    encoded = 255 * picture ** (camera.gamma / 2.2)
    height, width = encoded.shape[:2]
    if camera.shrink > 1:
        small = int(round(width / camera.shrink)), int(round(height / camera.shrink))
        image = _image(encoded).resize(small, Image.BOX)
        encoded = np.asarray(image, dtype=np.float64)
    if camera.noise:
        # Sensors are noisier in the dark.
        dim = 0.6 + 0.8 * (1 - encoded.mean(axis=2, keepdims=True) / 255)
        grain = random.normal(0, 1, encoded.shape[:2])[..., None] + 0.5 * random.normal(0, 1, encoded.shape)
        encoded = encoded + camera.noise * dim * grain
    image = _image(encoded)
    if camera.shrink > 1:
        image = image.resize((width, height), [Image.BILINEAR, Image.BICUBIC][random.integers(2)])
    if camera.grey:
        image = image.convert("L").convert("RGB")
    return image


def _image(encoded):
    return Image.fromarray(np.clip(np.rint(encoded), 0, 255).astype(np.uint8))


def _motion(picture, length, angle):
    steps = np.linspace(-0.5, 0.5, 7) * length
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    total = 0
    for step in steps:
        at = [y + step * np.sin(angle), x + step * np.cos(angle)]
        total = total + np.dstack([map_coordinates(picture[..., k], at, order=1, mode="nearest") for k in range(3)])
    return total / len(steps)
