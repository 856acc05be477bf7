"""Smooth value noise: the same place gives the same value in every frame, so that paint sticks to the skin."""

import numpy as np


def _hash(x, y, z, seed):
    mixed = x * np.uint32(0x8DA6B343) ^ y * np.uint32(0xD8163841) ^ z * np.uint32(0xCB1AB31F) ^ np.uint32(seed * 7919 + 1)
    mixed = (mixed ^ (mixed >> np.uint32(13))) * np.uint32(0x5BD1E995)
    mixed = (mixed ^ (mixed >> np.uint32(15))) * np.uint32(0x27D4EB2F)
    return (mixed ^ (mixed >> np.uint32(16))).astype(np.float64) / 4294967295.0


def value_noise(places, seed=0):
    """(N, 3) places -> (N,) values in -1..1, one lattice cell per unit."""
    cell = np.floor(places)
    inside = places - cell
    ease = inside * inside * (3 - 2 * inside)
    corner = cell.astype(np.int64).astype(np.uint32)
    total = np.zeros(len(places))
    for dx in (0, 1):
        for dy in (0, 1):
            for dz in (0, 1):
                share = (
                    (ease[:, 0] if dx else 1 - ease[:, 0])
                    * (ease[:, 1] if dy else 1 - ease[:, 1])
                    * (ease[:, 2] if dz else 1 - ease[:, 2])
                )
                total += share * _hash(
                    corner[:, 0] + np.uint32(dx), corner[:, 1] + np.uint32(dy), corner[:, 2] + np.uint32(dz), seed
                )
    return 2 * total - 1


def layered_noise(places, seed=0, layers=3):
    total, amplitude = np.zeros(len(places)), 1.0
    for layer in range(layers):
        total += amplitude * value_noise(places * 2.0**layer, seed + layer)
        amplitude *= 0.5
    return total / 1.75
