//! From a levelled face's crop to the standard face.

use super::{FACE_PIXELS, FACE_WIDTH, LANDMARKS, StandardFace, extend};

/// For every pixel of the standard face, the nearest pixel of a crop: built once per landmark set, applied to any map
/// of that crop.
#[derive(Clone, Debug)]
pub struct WarpMap {
    /// Index into the crop, row after row; [`OUTSIDE`] where the crop has no such pixel.
    source: Vec<u32>,
    crop_pixels: usize,
}

const OUTSIDE: u32 = u32::MAX;

impl WarpMap {
    /// The map for a face with the given landmarks in a crop of `crop_width` x `crop_height` pixels.
    ///
    /// `landmarks` are (x, y) in crop pixels (origin top left, x right, y down, pixel centres at integers), index 0 is
    /// landmark 1. They are extended by the jaw points' x at y = 0 and by the crop's corners (0, 0), (0, height),
    /// (width, 0), (width, height), as the standard face's are. Within each triangle of the standard face the affine
    /// map between its corners and the crop's gives the source position, and the nearest crop pixel is taken (halves
    /// go right and down; the half-pixel rim between the last pixels and the corners belongs to the last pixels).
    ///
    /// Landmarks may lie outside the crop, coincide or be in disorder: a triangle that is flat or turned over in the
    /// crop is sampled as it lies, and what falls outside the crop, or is not a finite number, has no source. A pixel on
    /// an edge counts to the triangle listed first; the maps of both sides agree there but for rounding.
    ///
    /// Costs about 0.3 ms and one allocation of 241 KiB; [`Self::rebuild`] spares the allocation.
    ///
    /// # Panics
    /// If the crop has 2^31 - 1 pixels or more.
    pub fn new(
        face: &StandardFace,
        landmarks: &[[f32; 2]; LANDMARKS],
        crop_width: usize,
        crop_height: usize,
    ) -> Self {
        let mut map = Self { source: vec![OUTSIDE; FACE_PIXELS], crop_pixels: 0 };
        map.rebuild(face, landmarks, crop_width, crop_height);
        map
    }

    /// As [`Self::new`], in place of an earlier map.
    ///
    /// # Panics
    /// As [`Self::new`].
    pub fn rebuild(
        &mut self,
        face: &StandardFace,
        landmarks: &[[f32; 2]; LANDMARKS],
        crop_width: usize,
        crop_height: usize,
    ) {
        let crop_pixels = crop_width.saturating_mul(crop_height);
        assert!(
            crop_pixels < i32::MAX as usize,
            "a crop of {crop_width} x {crop_height} pixels is too large"
        );
        self.crop_pixels = crop_pixels;
        if crop_pixels == 0 {
            return self.source.fill(OUTSIDE);
        }
        let (last_column, last_line) = (crop_width as i32 - 1, crop_height as i32 - 1);
        let points = extend(landmarks, 0.0, crop_width as f32, crop_height as f32);
        let (width, height) = (crop_width as f64, crop_height as f64);
        let mut last = usize::MAX;
        let mut affine = [[0.0; 3]; 2];
        for run in &face.runs {
            let triangle = usize::from(run.triangle);
            if triangle != last {
                let corners = face.triangles[triangle];
                affine = standard_to_crop(
                    corners.map(|index| face.points[index].map(f64::from)),
                    corners.map(|index| points[index].map(f64::from)),
                );
                last = triangle;
            }
            let [[xx, xy, x0], [yx, yy, y0]] = affine;
            let y = f64::from(run.row);
            let (x_of_row, y_of_row) = (xy * y + x0 + 0.5, yy * y + y0 + 0.5);
            let pixels = usize::from(run.row) * FACE_WIDTH;
            let row =
                &mut self.source[pixels + usize::from(run.start)..pixels + usize::from(run.end)];
            let sample_at = |x: u16| {
                let x = f64::from(x);
                [xx * x + x_of_row, yx * x + y_of_row]
            };
            let inside = |[x, y]: [f64; 2]| {
                // Comparisons with NaN are false, so a landmark that is not a number has no source either.
                x >= 0.0 && x <= width + 0.5 && y >= 0.0 && y <= height + 0.5
            };
            let index = |[x, y]: [f64; 2]| {
                (y as i32).min(last_line) * crop_width as i32 + (x as i32).min(last_column)
            };
            // The crop is convex: with both ends inside, the whole run is.
            if inside(sample_at(run.start)) && inside(sample_at(run.end - 1)) {
                for (x, sample) in (run.start..run.end).zip(row) {
                    *sample = index(sample_at(x)) as u32;
                }
            } else {
                for (x, sample) in (run.start..run.end).zip(row) {
                    let position = sample_at(x);
                    *sample = if inside(position) { index(position) as u32 } else { OUTSIDE };
                }
            }
        }
    }

    /// For every pixel of the standard face, row after row, the index of its crop pixel, or none.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = Option<usize>> + '_ {
        self.source.iter().map(|&sample| (sample != OUTSIDE).then_some(sample as usize))
    }

    /// Carries a map of the crop (row after row: relevance, labels, a picture) to the standard face; 0 where a pixel
    /// has no source. Costs about 0.05 ms.
    ///
    /// # Panics
    /// If `source` has another number of pixels than the crop, or `out` than the standard face.
    pub fn apply<T: Copy + Default>(&self, source: &[T], out: &mut [T]) {
        assert_eq!(source.len(), self.crop_pixels, "the map must have the crop's size");
        assert_eq!(out.len(), FACE_PIXELS, "the result must have the standard face's size");
        for (out, &sample) in out.iter_mut().zip(&self.source) {
            // OUTSIDE is larger than any crop, so `get` finds nothing there.
            *out = source.get(sample as usize).copied().unwrap_or_default();
        }
    }
}

/// The affine map that takes the corners of a triangle of the standard face, which is never flat, to those of its
/// image in the crop: rows (x, y, 1) -> source x and (x, y, 1) -> source y.
fn standard_to_crop(standard: [[f64; 2]; 3], crop: [[f64; 2]; 3]) -> [[f64; 3]; 2] {
    let [a, b, c] = standard;
    let [u, v] = [[b[0] - a[0], b[1] - a[1]], [c[0] - a[0], c[1] - a[1]]];
    let area = u[0] * v[1] - u[1] * v[0];
    [0, 1].map(|axis| {
        let start = crop[0][axis];
        let (along_u, along_v) = (crop[1][axis] - start, crop[2][axis] - start);
        let per_x = (along_u * v[1] - along_v * u[1]) / area;
        let per_y = (along_v * u[0] - along_u * v[0]) / area;
        [per_x, per_y, start - per_x * a[0] - per_y * a[1]]
    })
}
