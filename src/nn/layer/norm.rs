//! Batch normalization (Ioffe and Szegedy 2015), which the book does not cover: it keeps the values
//! of each map at the scale that the initialization of section 3.3 ensures only before training.

use super::parameters::{ParameterArray, named_parameters, parameter_memory};
use super::{
    BIASES, CONTIGUOUS, LayerContext, LayerOps, LayerValues, MEAN, ParameterRole, Shape, VARIANCE,
    Workspace, rows, rows_mut,
};
use crate::linalg::{add_deltas, add_pixels, add_scaled, add_squares, affine};
use crate::nn::{Batch, LayerGradients, Mode, Real};
use ndarray::{Array1, ArrayView2, ArrayViewD, ArrayViewMut2, ArrayViewMutD};
use serde::{Deserialize, Serialize};

/// Normalizes every map, or every unit of a vector: a = γ (x − μ) / √(v + ε) + β with trained γ and
/// β.
///
/// In training, μ and v are the mean and the variance of the map's pixels over the mini-batch, or
/// over a shard of it if it is divided; the size of shards does not depend on the number of threads
/// ("ghost batches": Hoffer, Hubara and Soudry 2017). Inference uses moving means of both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Norm {
    pub shape: Shape,
    /// γ, one per map.
    pub weights: Array1<Real>,
    /// β, one per map.
    pub biases: Array1<Real>,
    /// Moving mean of μ.
    pub mean: Array1<Real>,
    /// Moving mean of v.
    pub variance: Array1<Real>,
}

/// ε: prevents a division by 0 for a constant map.
const EPSILON: Real = 1e-5;

impl Norm {
    /// An untrained layer: γ = 1, β = 0.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let maps = Self::maps_of(shape);
        let (zeros, ones) = (Array1::zeros(maps), Array1::ones(maps));
        Self { shape, weights: ones.clone(), biases: zeros.clone(), mean: zeros, variance: ones }
    }

    /// The number of means: one per map, or one per unit of a vector.
    pub(crate) fn maps_of(shape: Shape) -> usize {
        if shape.maps == 1 && shape.height == 1 { shape.width } else { shape.maps }
    }

    fn maps(&self) -> usize {
        self.biases.len()
    }

    /// Number of values of x per mean.
    fn count(&self, x: ArrayView2<Real>) -> usize {
        x.len() / self.maps()
    }

    /// The buffers of the layer in its workspace.
    fn buffers<'a>(&self, workspace: &'a mut Workspace) -> Buffers<'a> {
        workspace.first.resize(5 * self.maps(), 0.0);
        let mut parts = workspace.first.chunks_exact_mut(self.maps());
        let mut part = || parts.next().expect("the buffer has five parts");
        Buffers {
            mean: part(),
            variance: part(),
            factor: part(),
            deltas: part(),
            covariances: part(),
        }
    }
}

/// Statistics of x and δ, one number per map.
struct Buffers<'a> {
    /// μ.
    mean: &'a mut [Real],
    /// v.
    variance: &'a mut [Real],
    /// γ / √(v + ε).
    factor: &'a mut [Real],
    /// Σ δ.
    deltas: &'a mut [Real],
    /// Σ δ (x − μ).
    covariances: &'a mut [Real],
}

impl Buffers<'_> {
    /// Computes μ and v of x.
    fn measure(&mut self, x: ArrayView2<Real>, count: usize) {
        let share = 1.0 / count as Real;
        self.mean.fill(0.0);
        rows(x).for_each(|x| add_pixels(self.mean, x));
        self.mean.iter_mut().for_each(|sum| *sum *= share);
        self.variance.fill(0.0);
        rows(x).for_each(|x| add_squares(self.variance, x, self.mean));
        self.variance.iter_mut().for_each(|sum| *sum *= share);
    }

    /// Computes the sums of δ.
    fn add_up(&mut self, x: ArrayView2<Real>, delta: ArrayView2<Real>) {
        self.deltas.fill(0.0);
        self.covariances.fill(0.0);
        for (x, delta) in rows(x).zip(rows(delta)) {
            add_deltas(self.deltas, self.covariances, delta, x, self.mean);
        }
    }
}

impl LayerOps for Norm {
    fn input(&self) -> Shape {
        self.shape
    }

    fn output(&self) -> Shape {
        self.shape
    }

    fn name(&self) -> String {
        "norm".into()
    }

    named_parameters!(
        "weights" => weights, BIASES => biases, MEAN => mean, VARIANCE => variance
    );

    parameter_memory!(
        weights: Weights, biases: Biases, mean: Statistics, variance: Statistics
    );

    fn units(&self) -> usize {
        self.maps()
    }

    fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        (Shape::vector(1), vec![self.weights[unit]])
    }

    fn forward(&self, x: Batch, a: ArrayViewMut2<Real>, context: LayerContext) {
        let LayerContext { workspace, pass, .. } = context;
        let x = x.dense();
        let mut buffers = self.buffers(workspace);
        if pass.mode == Mode::Inference {
            buffers.mean.copy_from_slice(slice(&self.mean));
            buffers.variance.copy_from_slice(slice(&self.variance));
        } else {
            buffers.measure(x, self.count(x));
        }
        let Buffers { mean, variance, factor, .. } = buffers;
        for ((factor, variance), weight) in factor.iter_mut().zip(variance).zip(&self.weights) {
            *factor = weight / (*variance + EPSILON).sqrt();
        }
        for (x, a) in rows(x).zip(rows_mut(a)) {
            affine(a, x, mean, factor, slice(&self.biases));
        }
    }

    /// ∂C/∂x = γ/√(v + ε) (δ − mean of δ − (x − μ) · mean of δ (x − μ) / (v + ε)): μ and v depend
    /// on x. In inference they do not.
    fn input_delta(
        &self,
        LayerValues { x, delta, .. }: LayerValues,
        input_delta: ArrayViewMut2<Real>,
        context: LayerContext,
    ) {
        let LayerContext { workspace, pass, .. } = context;
        let x = x.dense();
        let mut buffers = self.buffers(workspace);
        buffers.add_up(x, delta);
        let Buffers { mean, variance, factor, deltas, covariances } = buffers;
        let share = if pass.mode == Mode::Inference { 0.0 } else { 1.0 / self.count(x) as Real };
        for (map, factor) in factor.iter().enumerate() {
            deltas[map] *= -factor * share;
            covariances[map] *= -factor * share / (variance[map] + EPSILON);
        }
        for ((x, delta), dx) in rows(x).zip(rows(delta)).zip(rows_mut(input_delta)) {
            affine(dx, x, mean, covariances, deltas);
            add_scaled(dx, delta, factor);
        }
    }

    /// ∂C/∂γ = Σ δ (x − μ) / √(v + ε), ∂C/∂β = Σ δ.
    fn gradients(
        &self,
        LayerValues { x, delta, .. }: LayerValues,
        gradients: &mut LayerGradients,
        context: LayerContext,
    ) {
        let LayerContext { workspace, pass, .. } = context;
        let x = x.dense();
        let mut buffers = self.buffers(workspace);
        buffers.add_up(x, delta);
        let mut arrays = gradients.arrays_mut();
        let [weights, biases, mean, variance] =
            std::array::from_fn(|_| arrays.next().expect("the layer has four arrays"));
        // The fraction of the mini-batch that these samples make up.
        let share = pass.scale * x.nrows() as Real;
        for map in 0..self.maps() {
            let deviation = (buffers.variance[map] + EPSILON).sqrt();
            weights[map] = pass.scale * buffers.covariances[map] / deviation;
            biases[map] = pass.scale * buffers.deltas[map];
            // The variance of a single value is undefined.
            let measured =
                if self.count(x) > 1 { buffers.variance[map] } else { self.variance[map] };
            mean[map] = share * buffers.mean[map];
            variance[map] = share * measured;
        }
    }
}

fn slice(values: &Array1<Real>) -> &[Real] {
    values.as_slice().expect(CONTIGUOUS)
}

#[cfg(test)]
mod tests {
    use super::super::Pass;
    use super::*;
    use crate::nn::Executor;
    use ndarray::Array2;

    const TRAINING: Mode = Mode::Training { seed: 1, epoch: 0, step: 0 };

    fn pass(mode: Mode) -> Pass {
        Pass { mode, layer: 0, first_row: 0, scale: 0.25, skip_zero_inputs: false }
    }

    /// Four samples of 2 × 2 pixels and three maps, with means near 10, 20 and 30.
    fn samples() -> Array2<Real> {
        Array2::from_shape_fn((4, 12), |(row, at)| {
            (10 * (at % 3 + 1)) as Real + ((row * 5 + at / 3 * 7) % 4) as Real
        })
    }

    fn forward(layer: &Norm, mode: Mode, workspace: &mut Workspace) -> Array2<Real> {
        let x = samples();
        let mut a = Array2::zeros(x.raw_dim());
        let context = LayerContext { workspace, pass: pass(mode), executor: &mut Executor::Serial };
        layer.forward(x.view().into(), a.view_mut(), context);
        a
    }

    #[test]
    fn every_map_gets_mean_beta_and_deviation_gamma() {
        let mut layer = Norm::new(Shape { maps: 3, height: 2, width: 2 });
        layer.weights.assign(&ndarray::array![1.0, 2.0, 3.0]);
        layer.biases.assign(&ndarray::array![0.0, -1.0, 5.0]);
        let a = forward(&layer, TRAINING, &mut Workspace::default());
        for (map, (weight, bias)) in layer.weights.iter().zip(&layer.biases).enumerate() {
            let values: Vec<Real> = a.iter().skip(map).step_by(3).copied().collect();
            let mean = values.iter().sum::<Real>() / 16.0;
            let square = values.iter().map(|a| (a - mean).powi(2)).sum::<Real>() / 16.0;
            assert!((mean - bias).abs() < 1e-5, "{mean}");
            assert!((square.sqrt() - weight).abs() < 1e-4, "{square}");
        }
    }

    #[test]
    fn inference_uses_the_moving_means() {
        let mut layer = Norm::new(Shape { maps: 3, height: 2, width: 2 });
        let (x, zeros) = (samples(), Array2::zeros((4, 12)));
        let mut workspace = Workspace::default();
        let expected = forward(&layer, TRAINING, &mut workspace);
        let mut gradients = layer.zero_gradients();
        let values = LayerValues { x: x.view().into(), a: expected.view(), delta: zeros.view() };
        let executor = &mut Executor::Serial;
        let context = LayerContext { workspace: &mut workspace, pass: pass(TRAINING), executor };
        layer.gradients(values, &mut gradients, context);
        let measured = gradients.statistics;
        layer.mean.assign(&measured[0]);
        layer.variance.assign(&measured[1]);
        let found = forward(&layer, Mode::Inference, &mut workspace);
        assert!((&found - &expected).iter().all(|off| off.abs() < 1e-5));
    }

    #[test]
    fn a_single_value_does_not_change_the_variance() {
        let layer = Norm::new(Shape::vector(3));
        let (x, delta) = (Array2::ones((1, 3)), Array2::ones((1, 3)));
        let (mut a, mut workspace) = (Array2::zeros((1, 3)), Workspace::default());
        let executor = &mut Executor::Serial;
        let pass = Pass { scale: 1.0, ..pass(TRAINING) };
        let context = LayerContext { workspace: &mut workspace, pass, executor };
        layer.forward(x.view().into(), a.view_mut(), context);
        let mut gradients = layer.zero_gradients();
        let values = LayerValues { x: x.view().into(), a: a.view(), delta: delta.view() };
        let context = LayerContext { workspace: &mut workspace, pass, executor };
        layer.gradients(values, &mut gradients, context);
        assert_eq!(gradients.statistics, [layer.weights.clone(), layer.variance.clone()]);
    }
}
