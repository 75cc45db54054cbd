//! Finds the best segmentations of a line: the k best paths through a lattice.

/// A path: the indices of its steps and the sum of their scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    pub score: f64,
    pub steps: Vec<usize>,
}

/// A step from one node to a later one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LatticeStep {
    pub from: usize,
    pub to: usize,
    pub score: f64,
}

/// The `count` paths from the first to the last of `nodes` nodes with the highest total scores,
/// best first. Dynamic programming that keeps the best paths to each node.
pub(super) fn best_paths(steps: &[LatticeStep], nodes: usize, count: usize) -> Vec<Path> {
    // For each path to a node: its score, its last step, and the rank of the path to that step's
    // start.
    let mut paths: Vec<Vec<(f64, usize, usize)>> = vec![Vec::new(); nodes];
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|&step| steps[step].to);
    for group in order.chunk_by(|a, b| steps[*a].to == steps[*b].to) {
        let mut here = Vec::new();
        for &index in group {
            let step = steps[index];
            if step.from == 0 {
                here.push((step.score, index, 0));
            }
            let before = paths[step.from].iter().enumerate();
            here.extend(before.map(|(rank, path)| (path.0 + step.score, index, rank)));
        }
        here.sort_by(|a, b| b.0.total_cmp(&a.0));
        here.truncate(count);
        paths[steps[group[0]].to] = here;
    }
    let last = nodes.saturating_sub(1);
    let ends = paths.get(last).map_or(0, Vec::len);
    (0..ends).map(|rank| walk_back(steps, &paths, last, rank)).collect()
}

fn walk_back(
    steps: &[LatticeStep],
    paths: &[Vec<(f64, usize, usize)>],
    mut node: usize,
    mut rank: usize,
) -> Path {
    let score = paths[node][rank].0;
    let mut taken = Vec::new();
    while node > 0 {
        let (_, step, before) = paths[node][rank];
        taken.push(step);
        (node, rank) = (steps[step].from, before);
    }
    taken.reverse();
    Path { score, steps: taken }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_ordered_by_score() {
        let step = |from, to, score| LatticeStep { from, to, score };
        let steps = [
            step(0, 1, -1.0),
            step(1, 2, -1.0),
            step(0, 2, -3.0),
            step(2, 3, -0.5),
            step(1, 3, -1.2),
        ];
        let paths = best_paths(&steps, 4, 9);
        let list: Vec<_> = paths.iter().map(|path| (path.score, path.steps.as_slice())).collect();
        assert_eq!(list, [(-2.2, &[0, 4][..]), (-2.5, &[0, 1, 3][..]), (-3.5, &[2, 3][..])]);
        assert_eq!(best_paths(&steps, 4, 1).len(), 1);
        assert!(best_paths(&steps[..1], 4, 3).is_empty(), "no path reaches the end");
    }
}
