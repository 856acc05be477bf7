//! Colours for numbers.

use image::Rgb;

/// Stops of a perceptually even map from black over violet, red and yellow to near white, for heatmaps (values of the `inferno` map
/// of van der Walt and Smith, public domain).
const HEAT: [[u8; 3]; 9] = [
    [0, 0, 4],
    [31, 12, 72],
    [85, 15, 109],
    [136, 34, 106],
    [186, 54, 85],
    [227, 89, 51],
    [249, 140, 10],
    [249, 201, 50],
    [252, 255, 164],
];

/// The heat colour of a value from 0 to 1; values beyond are clamped.
pub fn heat(value: f32) -> Rgb<u8> {
    let place = value.clamp(0.0, 1.0) * (HEAT.len() - 1) as f32;
    let below = (place as usize).min(HEAT.len() - 2);
    Rgb(blend(HEAT[below], HEAT[below + 1], place - below as f32))
}

/// A colour for a share of something on white paper, from near white (0) over green to dark blue (1): every step is equally far
/// from the last to the eye and darker, in print without colours too. Shares beyond are clamped.
pub fn sequential(share: f32) -> Rgb<u8> {
    let share = share.clamp(0.0, 1.0);
    oklch(0.97 - 0.62 * share, 0.04 + 0.07 * share, 100.0 + 165.0 * share)
}

/// A colour for a signed value from -1 (blue) over near white to 1 (red), as dark to one side as to the other; values beyond are
/// clamped.
pub fn diverging(value: f32) -> Rgb<u8> {
    let strength = value.abs().min(1.0);
    let hue = if value < 0.0 { 255.0 } else { 35.0 };
    oklch(0.97 - 0.51 * strength, 0.15 * strength, hue)
}

/// Black or white, whichever can be read on a ground.
pub fn ink_on(ground: Rgb<u8>) -> Rgb<u8> {
    let [black, white] = [[26; 3], [255; 3]].map(Rgb);
    if contrast(ground, black) > contrast(ground, white) { black } else { white }
}

/// The contrast of two colours, from 1 to 21, as the Web Content Accessibility Guidelines have it.
fn contrast(one: Rgb<u8>, other: Rgb<u8>) -> f32 {
    let luminance = |Rgb(colour): Rgb<u8>| {
        let [red, green, blue] = colour.map(|channel| {
            let share = f32::from(channel) / 255.0;
            if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    };
    let (one, other) = (luminance(one), luminance(other));
    one.max(other) / one.min(other)
}

/// The sRGB colour of a lightness from 0 to 1, a chroma and a hue in degrees of Ottosson's OKLab space, in which equal distances
/// look equal.
fn oklch(lightness: f32, chroma: f32, hue: f32) -> Rgb<u8> {
    let (b, a) = hue.to_radians().sin_cos();
    let (a, b) = (chroma * a, chroma * b);
    let [long, medium, short] = [
        lightness + 0.396_337_78 * a + 0.215_803_76 * b,
        lightness - 0.105_561_346 * a - 0.063_854_17 * b,
        lightness - 0.089_484_18 * a - 1.291_485_5 * b,
    ]
    .map(|root| root.powi(3));
    Rgb([
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ]
    .map(|linear: f32| {
        let share = if linear <= 0.003_130_8 {
            12.92 * linear
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        };
        (255.0 * share).round() as u8
    }))
}

/// What speaks for the class.
pub const FOR: [u8; 3] = [214, 40, 40];
/// What speaks against the class.
pub const AGAINST: [u8; 3] = [36, 94, 190];

/// Tints grey by a signed relevance from -1 to 1: red speaks for the class, blue against it.
pub fn tint(grey: u8, relevance: f32) -> Rgb<u8> {
    let colour = if relevance >= 0.0 { FOR } else { AGAINST };
    Rgb(blend([grey; 3], colour, 0.75 * relevance.abs().min(1.0)))
}

/// The colour `share` of the way from one to the other.
pub fn blend(from: [u8; 3], to: [u8; 3], share: f32) -> [u8; 3] {
    std::array::from_fn(|channel| {
        let (from, to) = (f32::from(from[channel]), f32::from(to[channel]));
        (from + share * (to - from)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rec. 709 luma is near enough to tell darker from lighter.
    fn luma(Rgb([red, green, blue]): Rgb<u8>) -> f32 {
        0.2126 * f32::from(red) + 0.7152 * f32::from(green) + 0.0722 * f32::from(blue)
    }

    #[test]
    fn scales_darken_steadily_and_carry_readable_text() {
        let shares = (0..=50).map(|step| step as f32 / 50.0);
        for scale in [sequential as fn(f32) -> Rgb<u8>, diverging, |share| diverging(-share)] {
            let colours: Vec<Rgb<u8>> = shares.clone().map(scale).collect();
            for pair in colours.windows(2) {
                let step = luma(pair[0]) - luma(pair[1]);
                assert!((0.5..7.0).contains(&step), "{pair:?}");
            }
            for colour in colours {
                assert!(contrast(colour, ink_on(colour)) > 4.2, "{colour:?}");
            }
        }
        assert_eq!(sequential(7.0), sequential(1.0));
    }

    #[test]
    fn the_signs_of_the_diverging_scale_are_blue_and_red() {
        let (Rgb([red, _, blue]), Rgb([other_red, _, other_blue])) =
            (diverging(0.8), diverging(-0.8));
        assert!(red > blue + 80 && other_blue > other_red + 80);
        let Rgb([red, green, blue]) = diverging(0.0);
        assert!(red == green && green == blue && red > 240);
    }

    #[test]
    fn an_oklab_colour_is_that_of_its_definition() {
        // Red of sRGB, from Ottosson's page.
        let Rgb([red, green, blue]) = oklch(0.627_955, 0.257_683, 29.233_88);
        assert!(red == 255 && green <= 1 && blue <= 1, "{red} {green} {blue}");
    }
}
