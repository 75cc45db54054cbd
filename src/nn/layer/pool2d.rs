//! Pooling (section 6.1): one value per block of pixels of a feature map.

use super::{LayerContext, LayerOps, LayerValues, Shape, rows, rows_mut};
use crate::linalg::{Blocks, max_pool, max_pool_delta};
use crate::nn::{Batch, Real};
use ndarray::ArrayViewMut2;
use serde::{Deserialize, Serialize};

/// The function that reduces a block to one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The maximum; its delta goes to the first pixel with that value.
    Max,
    /// The square root of the sum of the squares.
    L2,
    Average,
}

/// Pools non-overlapping blocks of size × size pixels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool2d {
    pub input: Shape,
    /// A divisor of the input's height and width.
    pub size: usize,
    pub pooling: Pooling,
}

impl Pool2d {
    fn blocks(&self) -> Blocks {
        Blocks { maps: self.input.maps, width: self.input.width, size: self.size }
    }

    /// Forward pass for one image.
    fn pool(&self, x: &[Real], a: &mut [Real]) {
        let blocks = self.blocks();
        let square = (self.size * self.size) as Real;
        if self.pooling == Pooling::Max {
            return max_pool(a, x, blocks);
        }
        for (a, start) in a.chunks_exact_mut(blocks.maps).zip(blocks.starts()) {
            a.fill(0.0);
            for pixel in blocks.pixels() {
                let pairs = a.iter_mut().zip(&x[start + pixel..]);
                match self.pooling {
                    Pooling::L2 => pairs.for_each(|(a, &x)| *a += x * x),
                    _ => pairs.for_each(|(a, &x)| *a += x / square),
                }
            }
            if self.pooling == Pooling::L2 {
                for a in a {
                    *a = a.sqrt();
                }
            }
        }
    }

    /// ∂C/∂x for one image.
    fn spread(&self, x: &[Real], a: &[Real], delta: &[Real], dx: &mut [Real]) {
        let blocks = self.blocks();
        let square = (self.size * self.size) as Real;
        if self.pooling == Pooling::Max {
            return max_pool_delta(dx, x, a, delta, blocks);
        }
        let outputs = a.chunks_exact(blocks.maps).zip(delta.chunks_exact(blocks.maps));
        for ((a, delta), start) in outputs.zip(blocks.starts()) {
            for pixel in blocks.pixels().map(|pixel| start + pixel) {
                let pixels = dx[pixel..].iter_mut().zip(&x[pixel..]).zip(a.iter().zip(delta));
                match self.pooling {
                    Pooling::L2 => pixels.for_each(|((dx, x), (a, delta))| {
                        *dx = if *a > 0.0 { delta * x / a } else { 0.0 };
                    }),
                    _ => pixels.for_each(|((dx, _), (_, delta))| *dx = delta / square),
                }
            }
        }
    }
}

impl LayerOps for Pool2d {
    fn input(&self) -> Shape {
        self.input
    }

    fn output(&self) -> Shape {
        let Shape { maps, height, width } = self.input;
        Shape { maps, height: height / self.size, width: width / self.size }
    }

    fn name(&self) -> String {
        match self.pooling {
            Pooling::Max => format!("pool{}", self.size),
            Pooling::L2 => format!("ltwopool{}", self.size),
            Pooling::Average => format!("avgpool{}", self.size),
        }
    }

    fn forward(&self, x: Batch, a: ArrayViewMut2<Real>, _context: LayerContext) {
        rows(x.dense()).zip(rows_mut(a)).for_each(|(x, a)| self.pool(x, a));
    }

    fn input_delta(
        &self,
        LayerValues { x, a, delta }: LayerValues,
        input_delta: ArrayViewMut2<Real>,
        _context: LayerContext,
    ) {
        let outputs = rows(a).zip(rows(delta));
        for ((x, dx), (a, delta)) in rows(x.dense()).zip(rows_mut(input_delta)).zip(outputs) {
            self.spread(x, a, delta, dx);
        }
    }
}
