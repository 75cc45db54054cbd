//! Finds the best segmentations of a line: the k best paths through a lattice.

/// A path: the indices of its steps and the sum of their scores.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Way {
    pub score: f64,
    pub steps: Vec<usize>,
}

/// A step from one node to a later one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    pub from: usize,
    pub to: usize,
    pub score: f64,
}

/// The `count` paths from node 0 to the last of `places` with the highest total scores, best first.
/// Dynamic programming that keeps the best paths to each node.
pub(super) fn best_ways(steps: &[Step], places: usize, count: usize) -> Vec<Way> {
    // For each path to a node: its score, its last step, and the rank of the path to that step's start.
    let mut ways: Vec<Vec<(f64, usize, usize)>> = vec![Vec::new(); places];
    let mut order: Vec<usize> = (0..steps.len()).collect();
    order.sort_by_key(|&step| steps[step].to);
    for place in order.chunk_by(|a, b| steps[*a].to == steps[*b].to) {
        let mut here = Vec::new();
        for &index in place {
            let step = steps[index];
            if step.from == 0 {
                here.push((step.score, index, 0));
            }
            let before = ways[step.from].iter().enumerate();
            here.extend(before.map(|(rank, way)| (way.0 + step.score, index, rank)));
        }
        here.sort_by(|a, b| b.0.total_cmp(&a.0));
        here.truncate(count);
        ways[steps[place[0]].to] = here;
    }
    let last = places.saturating_sub(1);
    let ends = ways.get(last).map_or(0, Vec::len);
    (0..ends).map(|rank| walk_back(steps, &ways, last, rank)).collect()
}

fn walk_back(
    steps: &[Step],
    ways: &[Vec<(f64, usize, usize)>],
    mut place: usize,
    mut rank: usize,
) -> Way {
    let score = ways[place][rank].0;
    let mut taken = Vec::new();
    while place > 0 {
        let (_, step, before) = ways[place][rank];
        taken.push(step);
        (place, rank) = (steps[step].from, before);
    }
    taken.reverse();
    Way { score, steps: taken }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_ways_come_first() {
        let step = |from, to, score| Step { from, to, score };
        let steps = [
            step(0, 1, -1.0),
            step(1, 2, -1.0),
            step(0, 2, -3.0),
            step(2, 3, -0.5),
            step(1, 3, -1.2),
        ];
        let ways = best_ways(&steps, 4, 9);
        let list: Vec<_> = ways.iter().map(|way| (way.score, way.steps.as_slice())).collect();
        assert_eq!(list, [(-2.2, &[0, 4][..]), (-2.5, &[0, 1, 3][..]), (-3.5, &[2, 3][..])]);
        assert_eq!(best_ways(&steps, 4, 1).len(), 1);
        assert!(best_ways(&steps[..1], 4, 3).is_empty(), "no way leads to the end");
    }
}
