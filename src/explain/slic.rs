//! Superpixels: simple linear iterative clustering (Achanta et al. 2012) of a grey crop.
//!
//! This is the algorithm of scikit-image's `slic` with the paper's parameters (section 3.4), for a picture whose three
//! channels are one grey plane: there only the lightness of the Lab colour differs between pixels, so distances are
//! taken in (x, y, lightness). The quirks that decide where boundaries fall (the start grid, the size of the search window, the
//! order in which fragments are adopted) are kept, so that segmentations agree pixel for pixel.

use image::GrayImage;

use super::Superpixels;

/// About how many superpixels the paper cuts a face into (section 3.4).
pub const SEGMENTS: usize = 30;

/// Weight of nearness against likeness in the paper (section 3.4).
pub const COMPACTNESS: f64 = 20.0;

const ITERATIONS: usize = 10;
/// A fragment smaller than this share of the mean superpixel is given to a neighbour.
const SMALLEST_SHARE: f64 = 0.5;
/// A connected region is cut when it reaches this many mean superpixels.
const LARGEST_SHARE: f64 = 3.0;

#[derive(Clone, Copy, Default)]
struct Centre {
    x: f64,
    y: f64,
    lightness: f64,
}

/// Cuts a crop into about `segments` connected superpixels.
///
/// Labels are numbered from 0 in the order in which their first pixel appears, row by row.
///
/// Cost: about 400 operations per pixel.
///
/// # Panics
/// When the crop has no pixels, `segments` is 0, or `compactness` is not positive.
pub fn slic(crop: &GrayImage, segments: usize, compactness: f64) -> Superpixels {
    let (width, height) = (crop.width() as usize, crop.height() as usize);
    assert!(width > 0 && height > 0 && segments > 0 && compactness > 0.0);
    let lightness = scaled_lightness(crop, compactness);
    let (mut centres, step_x, step_y) = start_grid(width, height, segments);
    let grid_size = centres.len();
    let labels = cluster(&lightness, width, height, &mut centres, step_x, step_y);
    let mean_size = (width * height) as f64 / grid_size as f64;
    let (labels, count) = connect(
        &labels,
        width,
        height,
        (SMALLEST_SHARE * mean_size) as usize,
        (LARGEST_SHARE * mean_size) as usize,
    );
    Superpixels { width: crop.width(), height: crop.height(), labels, count }
}

/// CIE lightness (0..100) of the crop stretched to 0..1, divided by the compactness.
fn scaled_lightness(crop: &GrayImage, compactness: f64) -> Vec<f64> {
    let darkest = crop.as_raw().iter().copied().min().unwrap_or(0);
    let lightest = crop.as_raw().iter().copied().max().unwrap_or(0);
    let range = f64::from(lightest) / 255.0 - f64::from(darkest) / 255.0;
    let of_byte: [f64; 256] = std::array::from_fn(|byte| {
        let shifted = byte as f64 / 255.0 - f64::from(darkest) / 255.0;
        let value = if range > 0.0 { shifted / range } else { shifted };
        let linear =
            if value > 0.04045 { ((value + 0.055) / 1.055).powf(2.4) } else { value / 12.92 };
        let root = if linear > 0.008856 { linear.cbrt() } else { 7.787 * linear + 16.0 / 116.0 };
        (116.0 * root - 16.0) * (1.0 / compactness)
    });
    crop.as_raw().iter().map(|&byte| of_byte[usize::from(byte)]).collect()
}

/// Centres on a regular grid whose cells are as square as the picture allows, with the step in x and in y.
fn start_grid(width: usize, height: usize, segments: usize) -> (Vec<Centre>, usize, usize) {
    let (step_x, start_x, step_y, start_y) = grid_steps(width, height, segments);
    let mut centres = Vec::new();
    for y in (start_y..height).step_by(step_y) {
        for x in (start_x..width).step_by(step_x) {
            centres.push(Centre { x: x as f64, y: y as f64, lightness: 0.0 });
        }
    }
    (centres, step_x, step_y)
}

fn grid_steps(width: usize, height: usize, segments: usize) -> (usize, usize, usize, usize) {
    let rounded = |step: f64| (step.round_ties_even() as usize, (step / 2.0).floor() as usize);
    if width * height <= segments {
        return (1, 0, 1, 0);
    }
    let cell = ((width * height) as f64 / segments as f64).sqrt();
    let (short, long) = (width.min(height), width.max(height));
    // A picture narrower than a cell has one row of cells, spread along its longer side.
    let (short_step, long_step) = if (short as f64) < cell {
        (short as f64, long as f64 / segments as f64)
    } else {
        (cell, cell)
    };
    let (short_step, short_start) = rounded(short_step);
    let (long_step, long_start) = rounded(long_step.max(1.0));
    if width <= height {
        (short_step, short_start, long_step, long_start)
    } else {
        (long_step, long_start, short_step, short_start)
    }
}

/// k-means in which a centre reaches no further than two grid steps.
fn cluster(
    lightness: &[f64],
    width: usize,
    height: usize,
    centres: &mut [Centre],
    step_x: usize,
    step_y: usize,
) -> Vec<u32> {
    let largest_step = step_x.max(step_y) as f64;
    let nearness = 1.0 / (largest_step * largest_step);
    let (reach_x, reach_y) = (2.0 * step_x as f64, 2.0 * step_y as f64);
    let mut labels = vec![0u32; width * height];
    let mut previous = vec![u32::MAX; width * height];
    let mut distances = vec![f64::MAX; width * height];
    let mut squares_x = vec![0.0; width];
    let mut sums = vec![(Centre::default(), 0usize); centres.len()];
    for _ in 0..ITERATIONS {
        distances.fill(f64::MAX);
        for (label, centre) in centres.iter().enumerate() {
            let window = |centre: f64, reach: f64, limit: usize| {
                (centre - reach).max(0.0) as usize
                    ..(centre + reach + 1.0).min(limit as f64) as usize
            };
            let columns = window(centre.x, reach_x, width);
            for x in columns.clone() {
                squares_x[x] = (centre.x - x as f64) * (centre.x - x as f64);
            }
            for y in window(centre.y, reach_y, height) {
                let square_y = (centre.y - y as f64) * (centre.y - y as f64);
                let row = y * width + columns.start..y * width + columns.end;
                // No branches: the compiler turns this row into vector instructions.
                for (((distance, nearest), lightness), square_x) in distances[row.clone()]
                    .iter_mut()
                    .zip(&mut labels[row.clone()])
                    .zip(&lightness[row])
                    .zip(&squares_x[columns.clone()])
                {
                    let unlike = lightness - centre.lightness;
                    let here = (square_y + square_x) * nearness + unlike * unlike;
                    let nearer = here < *distance;
                    *distance = if nearer { here } else { *distance };
                    *nearest = if nearer { label as u32 } else { *nearest };
                }
            }
        }
        // The same labels give the same centres: nothing will move any more.
        if labels == previous {
            break;
        }
        previous.copy_from_slice(&labels);
        move_centres(&labels, lightness, width, &mut sums, centres);
    }
    labels
}

fn move_centres(
    labels: &[u32],
    lightness: &[f64],
    width: usize,
    sums: &mut [(Centre, usize)],
    centres: &mut [Centre],
) {
    sums.fill((Centre::default(), 0));
    for (y, (labels, lightness)) in
        labels.chunks_exact(width).zip(lightness.chunks_exact(width)).enumerate()
    {
        for (x, (&label, lightness)) in labels.iter().zip(lightness).enumerate() {
            let (sum, pixels) = &mut sums[label as usize];
            sum.x += x as f64;
            sum.y += y as f64;
            sum.lightness += lightness;
            *pixels += 1;
        }
    }
    for (centre, (sum, pixels)) in centres.iter_mut().zip(sums) {
        // A centre that lost all its pixels stays where it was.
        if *pixels > 0 {
            let pixels = *pixels as f64;
            *centre =
                Centre { x: sum.x / pixels, y: sum.y / pixels, lightness: sum.lightness / pixels };
        }
    }
}

/// Numbers the connected regions anew and gives fragments below `smallest` pixels to a neighbour.
///
/// Regions are searched in raster order, breadth first, and cut at `largest` pixels. The neighbour is the last one met
/// during the search that already has its number.
fn connect(
    labels: &[u32],
    width: usize,
    height: usize,
    smallest: usize,
    largest: usize,
) -> (Vec<u16>, usize) {
    const NONE: u16 = u16::MAX;
    let mut connected = vec![NONE; labels.len()];
    let mut region: Vec<usize> = Vec::with_capacity(largest);
    let mut next: u16 = 0;
    for start in 0..labels.len() {
        if connected[start] != NONE {
            continue;
        }
        let mut adopter = next;
        connected[start] = next;
        region.clear();
        region.push(start);
        let mut visited = 0;
        while visited < region.len() && region.len() < largest {
            let pixel = region[visited];
            visited += 1;
            let (x, y) = (pixel % width, pixel / width);
            let neighbours = [
                (x + 1 < width).then_some(pixel + 1),
                (x > 0).then(|| pixel - 1),
                (y + 1 < height).then_some(pixel + width),
                (y > 0).then(|| pixel.wrapping_sub(width)),
            ];
            for neighbour in neighbours.into_iter().flatten() {
                if connected[neighbour] == NONE {
                    if labels[neighbour] == labels[start] {
                        connected[neighbour] = next;
                        region.push(neighbour);
                        if region.len() >= largest {
                            break;
                        }
                    }
                } else if connected[neighbour] != next {
                    adopter = connected[neighbour];
                }
            }
        }
        if region.len() < smallest {
            for &pixel in &region {
                connected[pixel] = adopter;
            }
        }
        // A fragment without any numbered neighbour keeps the number, which the next region then shares.
        if region.len() >= smallest {
            next += 1;
        }
    }
    let count = connected.iter().max().map_or(0, |&label| usize::from(label) + 1);
    (connected, count)
}
