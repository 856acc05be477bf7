//! How faithful an explanation is: whether the probability falls when what it calls relevant is hidden, and rises when that
//! alone is shown (deletion and insertion, Petsiuk et al. 2018, "RISE", here by superpixels).

use image::GrayImage;

use super::Superpixels;
use crate::network::{Classifier, NetworkError};
use crate::random::Stream;

/// The probability of a class while superpixels are hidden or shown one after another; `count + 1` numbers each.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// With the first k superpixels of the order hidden (black, as in LIME's samples), k = 0 to all.
    pub deletion: Vec<f32>,
    /// With only the first k superpixels of the order visible, k = 0 to all.
    pub insertion: Vec<f32>,
}

impl Curves {
    /// Area under the deletion curve, the abscissa being the share of superpixels hidden: 0 to 1, the lower the more faithful.
    pub fn deletion_area(&self) -> f64 {
        area(&self.deletion)
    }

    /// Area under the insertion curve, the abscissa being the share of superpixels shown: 0 to 1, the higher the more faithful.
    pub fn insertion_area(&self) -> f64 {
        area(&self.insertion)
    }

    /// The mean of several curves of the same superpixels. Its areas are the means of theirs.
    fn mean(several: &[Curves]) -> Curves {
        let mean_at = |curve: fn(&Curves) -> &Vec<f32>, step: usize| {
            let sum: f64 = several.iter().map(|each| f64::from(curve(each)[step])).sum();
            (sum / several.len() as f64) as f32
        };
        let steps = 0..several[0].deletion.len();
        Curves {
            deletion: steps.clone().map(|step| mean_at(|each| &each.deletion, step)).collect(),
            insertion: steps.map(|step| mean_at(|each| &each.insertion, step)).collect(),
        }
    }
}

/// The deletion and insertion curves of an explanation beside those of random orders, without which they cannot be read: how the
/// network takes to black patches differs from face to face.
#[derive(Debug, Clone, PartialEq)]
pub struct Faithfulness {
    /// In the order of the explanation, the most relevant first. Of a faithful one the deletion curve falls, and the insertion curve
    /// rises, sooner than those of random orders.
    pub explained: Curves,
    /// Mean over the random orders.
    pub random: Curves,
}

impl Faithfulness {
    /// Deletion, insertion, and both of random orders.
    pub fn curves(&self) -> [&Vec<f32>; 4] {
        let Faithfulness { explained, random } = self;
        [&explained.deletion, &explained.insertion, &random.deletion, &random.insertion]
    }
}

/// Superpixels by falling weight, equal ones by their number. Weights must be finite.
fn order_by_weight(weights: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    // Adding 0 makes -0 and 0 equal.
    order.sort_by(|&a, &b| (weights[b] + 0.0).total_cmp(&(weights[a] + 0.0)));
    order
}

/// The numbers `0..count` in random order, each order equally likely.
fn random_order(count: usize, stream: &mut Stream) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    stream.shuffle(&mut order);
    order
}

/// How faithful the weights of an explanation ([`super::Surrogate::weights`], one per superpixel) are to the network, beside
/// `random_orders` random orders drawn from the stream. `class` is the index of the network's output.
///
/// Cost: two evaluations of the network per superpixel and order, `2 * count * (1 + random_orders)`.
///
/// # Errors
/// When the network cannot be evaluated.
///
/// # Panics
/// When the superpixels are not of the crop's size, there is not one weight for each, no such class, or no random order.
pub fn faithfulness(
    classifier: &mut dyn Classifier,
    crop: &GrayImage,
    superpixels: &Superpixels,
    weights: &[f64],
    class: usize,
    random_orders: usize,
    stream: &mut Stream,
) -> Result<Faithfulness, NetworkError> {
    assert!(random_orders > 0, "a curve is never told without its chance level");
    let mut orders = vec![order_by_weight(weights)];
    orders.extend((0..random_orders).map(|_| random_order(superpixels.count(), stream)));
    let curves = curves_of(classifier, crop, superpixels, &orders, class)?;
    let random = Curves::mean(&curves[1..]);
    let explained = curves.into_iter().next().expect("the order of the explanation is the first");
    Ok(Faithfulness { explained, random })
}

/// The curves of each order, evaluated all at once so that no lane of the network waits.
fn curves_of(
    classifier: &mut dyn Classifier,
    crop: &GrayImage,
    superpixels: &Superpixels,
    orders: &[Vec<usize>],
    class: usize,
) -> Result<Vec<Curves>, NetworkError> {
    let (count, classes) = (superpixels.count(), classifier.classes().len());
    assert_eq!(crop.dimensions(), superpixels.size(), "superpixels are cut from this crop");
    assert!(class < classes, "the network has {classes} classes");
    let ranks: Vec<Vec<usize>> = orders.iter().map(|order| ranks(order, count)).collect();
    // Both curves are one round: from the whole face to a black one by deletion, and back by insertion.
    let round = 2 * count;
    let write = |sample: usize, pixels: &mut [u8]| {
        let (order, step) = (sample / round, sample % round);
        let is_visible =
            |rank: usize| if step <= count { rank >= step } else { rank < step - count };
        let visible: Vec<u8> = ranks[order].iter().map(|&rank| is_visible(rank).into()).collect();
        superpixels.hide(crop, &visible, pixels);
    };
    let mut probabilities = vec![0.0; orders.len() * round * classes];
    classifier.evaluate(orders.len() * round, &write, &mut probabilities)?;
    let of_class: Vec<f32> = probabilities.chunks_exact(classes).map(|row| row[class]).collect();
    let curves = of_class.chunks_exact(round).map(|round| Curves {
        deletion: round[..=count].to_vec(),
        insertion: [&round[count..], &round[..1]].concat(),
    });
    Ok(curves.collect())
}

/// The place of each superpixel in the order.
fn ranks(order: &[usize], count: usize) -> Vec<usize> {
    assert_eq!(order.len(), count, "an order names each superpixel once");
    let mut ranks = vec![count; count];
    for (rank, &superpixel) in order.iter().enumerate() {
        assert_eq!(ranks[superpixel], count, "superpixel {superpixel} is named twice");
        ranks[superpixel] = rank;
    }
    ranks
}

/// By trapezoids, the abscissa being 0 to 1.
fn area(curve: &[f32]) -> f64 {
    let pairs = curve.windows(2);
    let intervals = pairs.len() as f64;
    pairs.map(|pair| (f64::from(pair[0]) + f64::from(pair[1])) / 2.0).sum::<f64>() / intervals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Expression;

    const WIDTH: u32 = 4;

    /// Probability of class 1: a base and, for each column of a crop of one row, its weight times its light (0..1).
    struct Linear {
        base: f32,
        weights: [f32; WIDTH as usize],
        calls: usize,
    }

    impl Linear {
        /// Sums of these are exact in f32.
        fn new(weights: [f32; WIDTH as usize]) -> Self {
            Linear { base: 0.25, weights, calls: 0 }
        }
    }

    impl Classifier for Linear {
        fn classes(&self) -> &[Expression] {
            &[Expression::Neutral, Expression::Happiness]
        }

        fn crop_size(&self) -> (u32, u32) {
            (WIDTH, 1)
        }

        fn evaluate(
            &mut self,
            count: usize,
            write_crop: &(dyn Fn(usize, &mut [u8]) + Sync),
            probabilities: &mut [f32],
        ) -> Result<(), NetworkError> {
            self.calls += 1;
            assert_eq!(probabilities.len(), 2 * count);
            for (index, row) in probabilities.chunks_exact_mut(2).enumerate() {
                let mut pixels = [7; WIDTH as usize];
                write_crop(index, &mut pixels);
                let light = pixels.map(|pixel| f32::from(pixel) / 255.0);
                let terms = self.weights.iter().zip(light).map(|(weight, light)| weight * light);
                row[1] = self.base + terms.sum::<f32>();
                row[0] = 1.0 - row[1];
            }
            Ok(())
        }
    }

    /// A white crop, each column a superpixel: 2, 0, 3, 1 from the left.
    fn face() -> (GrayImage, Superpixels) {
        let size = (WIDTH, 1);
        let superpixels = Superpixels::given(size, size, vec![2, 0, 3, 1]).unwrap();
        (GrayImage::from_pixel(WIDTH, 1, image::Luma([255])), superpixels)
    }

    fn stream() -> Stream {
        Stream::new(1, "faithfulness", "test")
    }

    fn curves(
        network: &mut Linear,
        crop: &GrayImage,
        superpixels: &Superpixels,
        order: &[usize],
        class: usize,
    ) -> Result<Curves, NetworkError> {
        curves_of(network, crop, superpixels, &[order.to_vec()], class)
            .map(|mut curves| curves.swap_remove(0))
    }

    /// Of the superpixels' numbers: 0.125, -0.25, 0.5, 0.
    const BY_COLUMN: [f32; 4] = [0.5, 0.125, 0.0, -0.25];
    const BY_SUPERPIXEL: [f64; 4] = [0.125, -0.25, 0.5, 0.0];

    #[test]
    fn the_curves_of_a_linear_network_are_its_sums() {
        let (crop, superpixels) = face();
        let mut network = Linear::new(BY_COLUMN);
        let order = order_by_weight(&BY_SUPERPIXEL);
        assert_eq!(order, [2, 0, 3, 1]);
        let curves = curves(&mut network, &crop, &superpixels, &order, 1).unwrap();
        assert_eq!(curves.deletion, [0.625, 0.125, 0.0, 0.0, 0.25]);
        assert_eq!(curves.insertion, [0.25, 0.75, 0.875, 0.875, 0.625]);
        assert_eq!(curves.deletion_area(), (0.625 / 2.0 + 0.125 + 0.25 / 2.0) / 4.0);
        assert_eq!(curves.insertion_area(), (0.25 / 2.0 + 0.75 + 0.875 * 2.0 + 0.625 / 2.0) / 4.0);
        assert_eq!(network.calls, 1);
    }

    #[test]
    fn hidden_is_black_and_visible_is_the_crop() {
        let (mut crop, superpixels) = face();
        crop.copy_from_slice(&[51, 102, 153, 204]);
        let mut network = Linear::new([1.0, 0.0, 0.0, 0.0]);
        network.base = 0.0;
        let curves = curves(&mut network, &crop, &superpixels, &[0, 2, 1, 3], 1).unwrap();
        assert_eq!(curves.deletion, [0.2, 0.2, 0.0, 0.0, 0.0]);
        assert_eq!(curves.insertion, [0.0, 0.0, 0.2, 0.2, 0.2]);
    }

    #[test]
    fn of_all_orders_that_by_the_true_weights_is_the_most_faithful() {
        let (crop, superpixels) = face();
        let areas = |order: &[usize]| {
            let curves =
                curves(&mut Linear::new(BY_COLUMN), &crop, &superpixels, order, 1).unwrap();
            (curves.deletion_area(), curves.insertion_area())
        };
        let (deletion, insertion) = areas(&order_by_weight(&BY_SUPERPIXEL));
        let mut orders = 0;
        for code in 0..4usize.pow(4) {
            let order = [code % 4, code / 4 % 4, code / 16 % 4, code / 64];
            if (0..4).all(|superpixel| order.contains(&superpixel)) {
                let other = areas(&order);
                assert!(other == (deletion, insertion) || other.0 > deletion, "{order:?}");
                assert!(other == (deletion, insertion) || other.1 < insertion, "{order:?}");
                orders += 1;
            }
        }
        assert_eq!(orders, 24);
    }

    #[test]
    fn a_faithful_explanation_beats_random_orders_and_its_contrary_loses() {
        let (crop, superpixels) = face();
        let measure = |weights: &[f64], network: &mut Linear| {
            faithfulness(network, &crop, &superpixels, weights, 1, 400, &mut stream()).unwrap()
        };
        let mut network = Linear::new(BY_COLUMN);
        let faithful = measure(&BY_SUPERPIXEL, &mut network);
        assert_eq!(network.calls, 1);
        let contrary = measure(&BY_SUPERPIXEL.map(|weight| -weight), &mut network);
        // The same stream draws the same orders.
        assert_eq!(faithful.random, contrary.random);
        let areas = |curves: &Curves| (curves.deletion_area(), curves.insertion_area());
        let (deletion, insertion) = areas(&faithful.random);
        assert!(areas(&faithful.explained).0 < deletion - 0.1);
        assert!(areas(&faithful.explained).1 > insertion + 0.1);
        assert!(areas(&contrary.explained).0 > deletion + 0.1);
        assert!(areas(&contrary.explained).1 < insertion - 0.1);
        // Without combinations a random order's curves are straight on average, from 0.625 to 0.25 and back.
        for (step, (shown, hidden)) in
            faithful.random.insertion.iter().zip(&faithful.random.deletion).enumerate()
        {
            let straight = 0.25 + 0.375 * step as f32 / WIDTH as f32;
            assert!((shown - straight).abs() < 0.03, "{step}: {shown}");
            assert!((hidden - (0.875 - straight)).abs() < 0.03, "{step}: {hidden}");
        }
    }

    #[test]
    fn where_all_superpixels_weigh_the_same_no_order_is_better_than_chance() {
        let (crop, superpixels) = face();
        let network = &mut Linear::new([0.125; 4]);
        let weights = [0.4, 0.1, 0.2, 0.3];
        let found =
            faithfulness(network, &crop, &superpixels, &weights, 1, 3, &mut stream()).unwrap();
        assert_eq!(found.explained, found.random);
        assert_eq!(found.random.deletion_area(), 0.5);
        assert_eq!(found.random.insertion_area(), 0.5);
    }

    #[test]
    fn orders_fall_by_weight_and_ties_rise_by_number() {
        assert_eq!(order_by_weight(&[0.0, 1.0, -0.0, 1.0, -2.0, 0.0]), [1, 3, 0, 2, 5, 4]);
        let order = random_order(50, &mut stream());
        assert_ne!(order, random_order(50, &mut Stream::new(2, "faithfulness", "test")));
        let mut sorted = order;
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..50));
    }

    #[test]
    #[should_panic(expected = "named twice")]
    fn an_order_that_names_a_superpixel_twice_is_refused() {
        let (crop, superpixels) = face();
        let _ = curves(&mut Linear::new(BY_COLUMN), &crop, &superpixels, &[0, 1, 2, 2], 1);
    }
}
