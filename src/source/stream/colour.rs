//! Brightness and two colours (YUV as BT.601 has it) to red, green, blue.

/// Which numbers black and white are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// 16 to 235, as video has it.
    Limited,
    /// 0 to 255, as JPEG has it.
    Full,
}

/// Whole numbers of 1/65536.
#[derive(Debug, Clone, Copy)]
pub struct Colours {
    black: i32,
    y: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

const HALF: i32 = 1 << 15;

impl Colours {
    pub fn new(range: Range) -> Self {
        match range {
            Range::Limited => Colours {
                black: 16,
                y: 76_309,
                red_v: 104_597,
                green_u: 25_675,
                green_v: 53_279,
                blue_u: 132_201,
            },
            Range::Full => Colours {
                black: 0,
                y: 65_536,
                red_v: 91_881,
                green_u: 22_554,
                green_v: 46_802,
                blue_u: 116_130,
            },
        }
    }

    /// A row of pixels of which each has colours of its own.
    pub fn row(&self, y: &[u8], u: &[u8], v: &[u8], rgb: &mut [u8]) {
        for ((&y, rgb), (&u, &v)) in y.iter().zip(rgb.chunks_exact_mut(3)).zip(u.iter().zip(v)) {
            self.pixel(y, self.shift(u, v), rgb);
        }
    }

    /// A row of pixels of which two beside each other share colours; the last one may be alone.
    pub fn shared_row(&self, y: &[u8], u: &[u8], v: &[u8], rgb: &mut [u8]) {
        let pairs = y.chunks_exact(2).zip(rgb.chunks_exact_mut(6));
        for ((y, rgb), (&u, &v)) in pairs.zip(u.iter().zip(v)) {
            let shift = self.shift(u, v);
            self.pixel(y[0], shift, &mut rgb[..3]);
            self.pixel(y[1], shift, &mut rgb[3..]);
        }
        if let ([.., last], 1) = (y, y.len() % 2) {
            let alone = y.len() / 2;
            self.pixel(*last, self.shift(u[alone], v[alone]), &mut rgb[6 * alone..]);
        }
    }

    /// A row of grey pixels.
    pub fn grey_row(&self, y: &[u8], rgb: &mut [u8]) {
        for (&y, rgb) in y.iter().zip(rgb.chunks_exact_mut(3)) {
            self.pixel(y, [0; 3], rgb);
        }
    }

    /// Pixels as cameras pack them: brightness, first colour, brightness, second colour.
    #[cfg_attr(not(feature = "camera"), allow(dead_code, reason = "only cameras pack so"))]
    pub fn packed(&self, yuyv: &[u8], rgb: &mut [u8]) {
        for (four, six) in yuyv.chunks_exact(4).zip(rgb.chunks_exact_mut(6)) {
            let shift = self.shift(four[1], four[3]);
            self.pixel(four[0], shift, &mut six[..3]);
            self.pixel(four[2], shift, &mut six[3..]);
        }
    }

    /// What colours add to red, green, blue.
    fn shift(&self, u: u8, v: u8) -> [i32; 3] {
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        [self.red_v * v, -self.green_u * u - self.green_v * v, self.blue_u * u]
    }

    fn pixel(&self, y: u8, shift: [i32; 3], rgb: &mut [u8]) {
        let y = (i32::from(y) - self.black) * self.y + HALF;
        for (value, shift) in rgb.iter_mut().zip(shift) {
            *value = ((y + shift) >> 16).clamp(0, 255) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_standard() {
        let exact = |y: f64, u: f64, v: f64| {
            let (y, u, v) = ((y - 16.0) * 255.0 / 219.0, u - 128.0, v - 128.0);
            let scale = 255.0 / 224.0;
            [
                y + scale * 1.402 * v,
                y - scale * (0.344_136 * u + 0.714_136 * v),
                y + scale * 1.772 * u,
            ]
        };
        let colours = Colours::new(Range::Limited);
        for y in (0..=255).step_by(5) {
            for u in (0..=255).step_by(15) {
                for v in (0..=255).step_by(15) {
                    let mut rgb = [0; 3];
                    colours.row(&[y], &[u], &[v], &mut rgb);
                    for (value, exact) in rgb.into_iter().zip(exact(y.into(), u.into(), v.into())) {
                        assert!((f64::from(value) - exact.clamp(0.0, 255.0)).abs() < 0.51);
                    }
                    let mut packed = [0; 6];
                    colours.packed(&[y, u, y, v], &mut packed);
                    assert_eq!([&packed[..3], &packed[3..]], [&rgb, &rgb]);
                }
            }
        }
    }
}
