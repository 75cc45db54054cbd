//! Pooling (section 6.1): one value for each block of pixels of a feature map.

use super::{LayerOps, LayerValues, Pass, Shape, Workspace};
use crate::linalg::{Blocks, max_pool, max_pool_delta};
use crate::nn::{Batch, Executor, Real};
use ndarray::ArrayViewMut2;
use serde::{Deserialize, Serialize};

/// How a block becomes one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Its largest value; where there are several, the first.
    Max,
    /// The square root of the sum of the squares.
    L2,
    Average,
}

/// Blocks of size × size pixels that do not overlap and fill the maps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pool2d {
    pub input: Shape,
    /// Divides the input's height and width.
    pub size: usize,
    pub pooling: Pooling,
}

impl Pool2d {
    /// Calls back with every block's place in the output and the places of its pixels; a place is
    /// that of the pixel's first map.
    fn blocks(&self, mut block: impl FnMut(usize, &mut dyn Iterator<Item = usize>)) {
        let (maps, width, size) = (self.input.maps, self.input.width, self.size);
        let output = self.output();
        for y in 0..output.height {
            for x in 0..output.width {
                let pixel =
                    |at: usize| ((y * size + at / size) * width + x * size + at % size) * maps;
                block((y * output.width + x) * maps, &mut (0..size * size).map(pixel));
            }
        }
    }

    fn geometry(&self) -> Blocks {
        Blocks { maps: self.input.maps, width: self.input.width, size: self.size }
    }

    fn pool(&self, x: &[Real], a: &mut [Real]) {
        if self.pooling == Pooling::Max {
            return max_pool(a, x, self.geometry());
        }
        let maps = self.input.maps;
        let count = (self.size * self.size) as Real;
        self.blocks(|to, pixels| {
            let a = &mut a[to..to + maps];
            a.fill(0.0);
            for pixel in pixels {
                let pairs = a.iter_mut().zip(&x[pixel..pixel + maps]);
                if self.pooling == Pooling::L2 {
                    pairs.for_each(|(a, &x)| *a += x * x);
                } else {
                    pairs.for_each(|(a, &x)| *a += x / count);
                }
            }
            if self.pooling == Pooling::L2 {
                for a in a {
                    *a = a.sqrt();
                }
            }
        });
    }

    /// ∂C/∂x.
    fn spread(&self, x: &[Real], a: &[Real], delta: &[Real], dx: &mut [Real]) {
        if self.pooling == Pooling::Max {
            return max_pool_delta(dx, x, a, delta, self.geometry());
        }
        let maps = self.input.maps;
        let count = (self.size * self.size) as Real;
        self.blocks(|from, pixels| {
            let (a, delta) = (&a[from..from + maps], &delta[from..from + maps]);
            for pixel in pixels {
                let (x, dx) = (&x[pixel..pixel + maps], &mut dx[pixel..pixel + maps]);
                let places = dx.iter_mut().zip(x).zip(a).zip(delta);
                if self.pooling == Pooling::L2 {
                    places.for_each(|(((dx, x), a), delta)| {
                        *dx = if *a > 0.0 { delta * x / a } else { 0.0 };
                    });
                } else {
                    places.for_each(|(((dx, _), _), delta)| *dx = delta / count);
                }
            }
        });
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

    fn forward(
        &self,
        x: Batch,
        mut a: ArrayViewMut2<Real>,
        _workspace: &mut Workspace,
        _pass: Pass,
        _executor: &mut Executor,
    ) {
        let x = x.dense();
        for (x, mut a) in x.rows().into_iter().zip(a.rows_mut()) {
            self.pool(x.to_slice().expect(ROWS), a.as_slice_mut().expect(ROWS));
        }
    }

    fn input_delta(
        &self,
        LayerValues { x, a, delta }: LayerValues,
        mut input_delta: ArrayViewMut2<Real>,
        _workspace: &mut Workspace,
        _pass: Pass,
        _executor: &mut Executor,
    ) {
        let x = x.dense();
        let rows = x.rows().into_iter().zip(a.rows()).zip(delta.rows());
        for (((x, a), delta), mut dx) in rows.zip(input_delta.rows_mut()) {
            self.spread(
                x.to_slice().expect(ROWS),
                a.to_slice().expect(ROWS),
                delta.to_slice().expect(ROWS),
                dx.as_slice_mut().expect(ROWS),
            );
        }
    }
}

/// Why a row of a batch is a slice.
const ROWS: &str = "the values of a batch's row lie side by side";
