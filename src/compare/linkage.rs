//! Agglomerative clustering by average linkage, equal to SciPy's with its ties.

use serde::Serialize;

/// Two clusters joined into one. Clusters 0..n are the leaves; the k-th merge makes cluster n + k.
///
/// In JSON a list as in SciPy's linkage matrix: first, second, height, leaves.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "(usize, usize, f64, usize)")]
pub struct Merge {
    pub first: usize,
    pub second: usize,
    /// Mean distance between the leaves of the one and those of the other.
    pub height: f64,
    /// Leaves of the new cluster.
    pub leaves: usize,
}

impl From<Merge> for (usize, usize, f64, usize) {
    fn from(merge: Merge) -> Self {
        (merge.first, merge.second, merge.height, merge.leaves)
    }
}

/// The n - 1 merges, by rising height, of n leaves with the given symmetric distance matrix (finite, not negative; n
/// rows of n; its diagonal is not read).
///
/// The nearest-neighbour-chain algorithm with the choices of SciPy's `linkage(..., "average")`, so ties give the same
/// tree: the chain starts at the lowest cluster left, of equal neighbours the one the chain came from, then the
/// lowest, is nearest, and the sort by height is stable. Takes time in the order of n^2 and n^2 memory.
///
/// # Panics
/// If the matrix is not square.
pub fn average_linkage(distances: &[Vec<f64>]) -> Vec<Merge> {
    let n = distances.len();
    assert!(distances.iter().all(|row| row.len() == n), "a distance matrix is square");
    let mut distances = distances.to_vec();
    // Leaves of each cluster, named after its highest leaf; 0 once another name holds it.
    let mut sizes = vec![1_usize; n];
    let mut chain: Vec<usize> = Vec::new();
    let mut joined = Vec::with_capacity(n.saturating_sub(1));
    while joined.len() + 1 < n {
        if chain.is_empty() {
            chain.extend((0..n).find(|&cluster| sizes[cluster] > 0));
        }
        let (a, b, height) = loop {
            let last = chain[chain.len() - 1];
            let before = chain.len().checked_sub(2).map(|index| chain[index]);
            let mut nearest = before;
            let mut least = before.map_or(f64::INFINITY, |before| distances[last][before]);
            for other in (0..n).filter(|&other| other != last && sizes[other] > 0) {
                if nearest.is_none() || distances[last][other] < least {
                    least = distances[last][other];
                    nearest = Some(other);
                }
            }
            match nearest {
                Some(nearest) if Some(nearest) != before => chain.push(nearest),
                _ => {
                    chain.truncate(chain.len() - 2);
                    let before = before.unwrap_or(last);
                    break (last.min(before), last.max(before), least);
                }
            }
        };
        for other in (0..n).filter(|&other| other != b && sizes[other] > 0) {
            let (of_a, of_b) = (sizes[a] as f64, sizes[b] as f64);
            let mean = (of_a * distances[a][other] + of_b * distances[b][other]) / (of_a + of_b);
            distances[b][other] = mean;
            distances[other][b] = mean;
        }
        joined.push((a, b, height));
        sizes[b] += sizes[a];
        sizes[a] = 0;
    }
    joined.sort_by(|one, other| one.2.total_cmp(&other.2));
    number_clusters(n, &joined)
}

/// From merges that name a cluster by one of its leaves to clusters numbered in the order of the merges.
fn number_clusters(n: usize, joined: &[(usize, usize, f64)]) -> Vec<Merge> {
    // The cluster that holds each leaf now, and the leaves of each cluster.
    let mut cluster_of: Vec<usize> = (0..n).collect();
    let mut sizes = vec![1; n];
    joined
        .iter()
        .enumerate()
        .map(|(step, &(a, b, height))| {
            let (a, b) = (cluster_of[a], cluster_of[b]);
            for cluster in &mut cluster_of {
                if *cluster == a || *cluster == b {
                    *cluster = n + step;
                }
            }
            sizes.push(sizes[a] + sizes[b]);
            Merge { first: a.min(b), second: a.max(b), height, leaves: sizes[n + step] }
        })
        .collect()
}

/// The leaves from one end of the dendrogram to the other: below every merge its first cluster's before its second's,
/// as SciPy's `dendrogram` draws them.
pub fn leaf_order(merges: &[Merge]) -> Vec<usize> {
    let n = merges.len() + 1;
    let mut order = Vec::with_capacity(n);
    let mut left = vec![2 * n - 2];
    while let Some(cluster) = left.pop() {
        if cluster < n {
            order.push(cluster);
        } else {
            let merge = &merges[cluster - n];
            left.extend([merge.second, merge.first]);
        }
    }
    order
}
