//! Whether relevance lies where the evidence is known to lie: relevance mass and rank accuracy (Arras, Osman, Samek 2022,
//! "CLEVR-XAI").

use serde::Serialize;

/// How much of a relevance image lies inside a mask, shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RelevanceAccuracy {
    /// Positive relevance inside the mask over all positive relevance.
    pub mass: f64,
    /// Share of the K most relevant pixels that lie in the mask, K being the pixels of the mask.
    pub rank: f64,
    /// The mask's share of the counted pixels: what both give on average for relevance whose pixels are put in random order.
    pub chance: f64,
}

/// The accuracy of a relevance image (signed, finite; negative relevance counts as 0) with regard to a mask, among the
/// `counted` pixels (all where none are given), such as those of a standard face that have a source.
///
/// Superpixels make large ties: one that straddles the K-th place counts with its expected value under random order, exactly, so
/// it does not matter how the pixels of a tie are sorted.
///
/// None where no counted pixel lies in the mask or none has positive relevance.
///
/// Cost: linear in the pixels.
///
/// # Panics
/// If the sizes differ.
pub fn relevance_accuracy(
    relevance: &[f32],
    mask: &[bool],
    counted: Option<&[bool]>,
) -> Option<RelevanceAccuracy> {
    assert_eq!(relevance.len(), mask.len(), "relevance and mask of two sizes");
    assert!(
        counted.is_none_or(|counted| counted.len() == mask.len()),
        "counted pixels of its size"
    );
    let is_counted = |&(index, _): &(usize, _)| counted.is_none_or(|counted| counted[index]);
    let pixels: Vec<(f32, bool)> = relevance
        .iter()
        .zip(mask)
        .enumerate()
        .filter(is_counted)
        .map(|(_, (&relevance, &inside))| (relevance.max(0.0), inside))
        .collect();
    let area = pixels.iter().filter(|(_, inside)| *inside).count();
    let sum = |within: bool| {
        let summed = pixels.iter().filter(|(_, inside)| *inside || !within);
        summed.map(|&(relevance, _)| f64::from(relevance)).sum::<f64>()
    };
    let total = sum(false);
    if area == 0 || total == 0.0 {
        return None;
    }
    let mass = sum(true) / total;

    let mut values: Vec<f32> = pixels.iter().map(|&(relevance, _)| relevance).collect();
    let (_, &mut last, _) = values.select_nth_unstable_by(area - 1, |a, b| b.total_cmp(a));
    let count = |which: &dyn Fn(f32, bool) -> bool| {
        pixels.iter().filter(|&&(relevance, inside)| which(relevance, inside)).count() as u64
    };
    let above = count(&|relevance, _| relevance > last);
    let above_inside = count(&|relevance, inside| relevance > last && inside);
    let tied = count(&|relevance, _| relevance == last);
    let tied_inside = count(&|relevance, inside| relevance == last && inside);
    let area = area as u64;
    // Whole numbers up to the one division, so that uniform relevance gives chance to the bit.
    let hits_times_tied = above_inside * tied + (area - above) * tied_inside;
    Some(RelevanceAccuracy {
        mass,
        rank: hits_times_tied as f64 / (area * tied) as f64,
        chance: area as f64 / pixels.len() as f64,
    })
}

/// The pixels displaced by at least `share` of the largest displacement; none where nothing moved.
///
/// `displacement` tells how far each pixel of a neutral face moves when an expression is made (a length per pixel in any unit,
/// finite), so this is where the expression shows. A weak expression has the same region as a strong one of its kind.
///
/// # Panics
/// If `share` is not above 0 and at most 1.
pub fn moved_region(displacement: &[f32], share: f32) -> Vec<bool> {
    assert!(share > 0.0 && share <= 1.0, "a share of the largest displacement");
    let largest = displacement.iter().copied().fold(0.0, f32::max);
    displacement.iter().map(|&length| length > 0.0 && length >= share * largest).collect()
}
