//! Dropout (section 3.2).

use super::{LayerContext, LayerOps, LayerValues, Pass, ROWS, Shape};
use crate::nn::{Batch, Mode, Real};
use crate::rng::{self, Purpose, Stream};
use ndarray::{ArrayView2, ArrayViewMut2, Axis, Zip};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// In training, sets each value to zero with probability `rate`, independently for every sample; in
/// inference, passes all values on.
///
/// The book multiplies the weights after the layer by 1 − `rate` when training is over. Here
/// ("inverted dropout"), the remaining values are divided by 1 − `rate` during training, so that
/// trained weights are used unchanged; with w = (1 − rate) w_book both networks are equivalent. The
/// book draws one mask per mini-batch; here, as in Srivastava et al. (2014), every sample has its
/// own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dropout {
    pub shape: Shape,
    /// From 0 to below 1; masks are drawn with the rate rounded to a multiple of 1/65,536.
    pub rate: f64,
}

impl Dropout {
    /// The random stream of a mini-batch; none for inference. Each row uses the substream of its
    /// index, so that the masks do not depend on how the mini-batch is divided.
    fn stream(mode: Mode) -> Option<Stream> {
        match mode {
            Mode::Training { seed, epoch, step } => {
                Some(rng::stream(seed, Purpose::Dropout, epoch, step))
            }
            Mode::Inference => None,
        }
    }

    /// Forward pass for the rows from `pass.first_row` on; `mask` has the shape of their values.
    fn forward_rows(
        &self,
        x: ArrayView2<Real>,
        mut a: ArrayViewMut2<Real>,
        mask: &mut [Real],
        pass: Pass,
    ) {
        let Some(mut stream) = Self::stream(pass.mode) else { return a.assign(&x) };
        let masks = mask.chunks_exact_mut(x.ncols());
        let rows = x.rows().into_iter().zip(a.rows_mut()).zip(pass.first_row..);
        for (((x, mut a), row), mask) in rows.zip(masks) {
            stream.set_stream((pass.layer as u64) << 32 | row as u64);
            stream.set_word_pos(0);
            self.draw(&mut stream, mask);
            Zip::from(&mut a).and(x).and(&*mask).for_each(|a, &x, &mask| *a = x * mask);
        }
    }

    /// Backward pass for rows with this `mask`.
    fn input_delta_rows(
        delta: ArrayView2<Real>,
        mut input_delta: ArrayViewMut2<Real>,
        mask: &[Real],
        pass: Pass,
    ) {
        if pass.mode == Mode::Inference {
            return input_delta.assign(&delta);
        }
        let rows = input_delta.rows_mut().into_iter().zip(delta.rows());
        for ((mut dx, delta), mask) in rows.zip(mask.chunks_exact(delta.ncols())) {
            Zip::from(&mut dx).and(delta).and(mask).for_each(|dx, &d, &mask| *dx = d * mask);
        }
    }

    /// Fills `mask` with 0 for dropped values and 1/(1 − rate) for the others.
    fn draw(&self, stream: &mut Stream, mask: &mut [Real]) {
        let keep = (1.0 / (1.0 - self.rate)) as Real;
        let threshold = (self.rate * 65536.0).round() as u32;
        let mut bytes = [0_u8; 256];
        for mask in mask.chunks_mut(bytes.len() / 2) {
            stream.fill_bytes(&mut bytes);
            for (mask, pair) in mask.iter_mut().zip(bytes.as_chunks::<2>().0) {
                let left_out = u32::from(u16::from_le_bytes(*pair)) < threshold;
                *mask = if left_out { 0.0 } else { keep };
            }
        }
    }
}

impl LayerOps for Dropout {
    fn input(&self) -> Shape {
        self.shape
    }

    fn output(&self) -> Shape {
        self.shape
    }

    fn name(&self) -> String {
        format!("drop{}", self.rate)
    }

    fn forward(&self, x: Batch, mut a: ArrayViewMut2<Real>, context: LayerContext) {
        let LayerContext { workspace, pass, executor } = context;
        let x = x.dense();
        workspace.first.resize(x.len(), 0.0);
        let masks = workspace.first.chunks_mut(ROWS * x.ncols());
        let parts = x.axis_chunks_iter(Axis(0), ROWS).zip(a.axis_chunks_iter_mut(Axis(0), ROWS));
        executor.each(parts.zip(masks).enumerate(), |(part, ((x, a), mask))| {
            let first_row = pass.first_row + part * ROWS;
            self.forward_rows(x, a, mask, Pass { first_row, ..pass });
        });
    }

    fn input_delta(
        &self,
        LayerValues { delta, .. }: LayerValues,
        mut input_delta: ArrayViewMut2<Real>,
        context: LayerContext,
    ) {
        let LayerContext { workspace, pass, executor } = context;
        let masks = workspace.first.chunks(ROWS * delta.ncols());
        let parts = delta.axis_chunks_iter(Axis(0), ROWS);
        let parts = parts.zip(input_delta.axis_chunks_iter_mut(Axis(0), ROWS));
        executor.each(parts.zip(masks), |((delta, input_delta), mask)| {
            Self::input_delta_rows(delta, input_delta, mask, pass);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::Workspace;
    use super::*;
    use crate::nn::Executor;
    use ndarray::{Array2, s};

    fn pass(step: u64, first_row: usize) -> Pass {
        Pass {
            mode: Mode::Training { seed: 1, epoch: 2, step },
            layer: 1,
            first_row,
            scale: 1.0,
            skip_zero_inputs: false,
        }
    }

    fn masked(rate: f64, rows: usize, pass: Pass) -> Array2<Real> {
        let layer = Dropout { shape: Shape::vector(500), rate };
        let mut a = Array2::zeros((rows, 500));
        let (x, mut workspace) = (Array2::ones((rows, 500)), Workspace::default());
        let executor = &mut Executor::Serial;
        let context = LayerContext { workspace: &mut workspace, pass, executor };
        layer.forward(x.view().into(), a.view_mut(), context);
        a
    }

    #[test]
    fn the_dropped_fraction_is_the_rate_and_the_mean_is_preserved() {
        for rate in [0.1, 0.5, 0.8] {
            let a = masked(rate, 40, pass(0, 0));
            let share = a.iter().filter(|&&a| a == 0.0).count() as f64 / a.len() as f64;
            // Four standard deviations of a fraction of 20,000 draws.
            assert!(
                (share - rate).abs() < 4.0 * (rate * (1.0 - rate) / 20_000.0).sqrt(),
                "{share}"
            );
            let kept = a.iter().find(|&&a| a != 0.0).unwrap();
            assert!((f64::from(*kept as f32) * (1.0 - rate) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn parts_of_a_mini_batch_use_the_masks_of_the_whole() {
        let whole = masked(0.5, 8, pass(3, 0));
        assert_eq!(whole.slice(s![5.., ..]), masked(0.5, 3, pass(3, 5)));
    }

    #[test]
    fn masks_differ_between_steps_and_inference_drops_nothing() {
        assert_ne!(masked(0.5, 2, pass(1, 0)), masked(0.5, 2, pass(2, 0)));
        let inference = Pass { mode: Mode::Inference, ..pass(0, 0) };
        assert_eq!(masked(0.5, 2, inference), Array2::<Real>::ones((2, 500)));
    }
}
