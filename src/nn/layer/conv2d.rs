//! Convolutional layers (section 6.1).

use super::parameters::{ParameterArray, parameter_memory};
use super::{
    BATCH, BIASES, CONTIGUOUS, LayerContext, LayerOps, LayerValues, ParameterRole, Shape,
    Workspace, rows, rows_mut,
};
use crate::linalg::{
    Patches, RUN, SparseEntry, SparseRows, accumulate, accumulate_runs, nonzero,
    patches_times_weights,
};
use crate::nn::{Activation, Batch, Init, LayerGradients, Matrix, Real};
use crate::rng::Stream;
use ndarray::{Array1, ArrayView4, ArrayViewD, ArrayViewMut2, ArrayViewMut4, ArrayViewMutD, s};
use serde::{Deserialize, Serialize};

/// Every feature map is the convolution of all maps of the input with a kernel, at a stride of one
/// pixel and without padding: maps shrink by kernel − 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    pub input: Shape,
    /// Height and width of the kernels.
    pub kernel: usize,
    /// Shape (kernel · kernel · maps in, maps out); see [`Conv2d::kernels`].
    pub weights: Matrix,
    /// Shape (maps out).
    pub biases: Array1<Real>,
    pub activation: Activation,
}

impl Conv2d {
    /// A layer of `maps` feature maps with weights drawn as `init` specifies for kernel² · maps in
    /// inputs, and unit Gaussian biases. `kernel` is at most the input's height and width.
    #[must_use]
    pub fn random(
        input: Shape,
        maps: usize,
        kernel: usize,
        activation: Activation,
        init: Init,
        stream: &mut Stream,
    ) -> Self {
        let inputs = kernel * kernel * input.maps;
        let biases = Array1::from_shape_simple_fn(maps, Init::Large.draw(inputs, stream));
        let weights = Matrix::from_simple_fn(inputs, maps, init.draw(inputs, stream));
        Self { input, kernel, weights, biases, activation }
    }

    /// The weights in the shape (kernel, kernel, maps in, maps out), the layout HWIO.
    ///
    /// # Panics
    /// If `weights` has another number of rows.
    #[must_use]
    pub fn kernels(&self) -> ArrayView4<'_, Real> {
        let shape = (self.kernel, self.kernel, self.input.maps, self.weights.stride());
        let padded = ArrayView4::from_shape(shape, self.weights.padded()).expect(KERNELS);
        padded.slice_move(s![.., .., .., ..self.weights.columns()])
    }

    /// The mutable version of [`Conv2d::kernels`].
    ///
    /// # Panics
    /// As [`Conv2d::kernels`].
    #[must_use]
    pub fn kernels_mut(&mut self) -> ArrayViewMut4<'_, Real> {
        kernels_mut(&mut self.weights, self.kernel, self.input.maps)
    }

    /// The layout of the input patches that kernels are multiplied by.
    fn patches(&self) -> Patches {
        let output = self.output();
        Patches {
            height: output.height,
            width: output.width,
            rows: self.kernel,
            run: self.kernel * self.input.maps,
            stride: self.input.width * self.input.maps,
            step: self.input.maps,
        }
    }
}

fn kernels_mut(weights: &mut Matrix, kernel: usize, maps: usize) -> ArrayViewMut4<'_, Real> {
    let (shape, columns) = ((kernel, kernel, maps, weights.stride()), weights.columns());
    let padded = ArrayViewMut4::from_shape(shape, weights.padded_mut()).expect(KERNELS);
    padded.slice_move(s![.., .., .., ..columns])
}

/// `expect` message: why the weights have the shape of kernels.
const KERNELS: &str = "there is one row of weights per pixel and input map of a kernel";

impl LayerOps for Conv2d {
    fn input(&self) -> Shape {
        self.input
    }

    fn output(&self) -> Shape {
        Shape {
            maps: self.biases.len(),
            height: self.input.height + 1 - self.kernel,
            width: self.input.width + 1 - self.kernel,
        }
    }

    fn name(&self) -> String {
        format!("conv{}x{}", self.biases.len(), self.kernel)
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn multiplications(&self) -> usize {
        let output = self.output();
        self.weights.len() * output.height * output.width
    }

    fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        vec![("weights", self.kernels().into_dyn()), (BIASES, self.biases.view().into_dyn())]
    }

    fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        let Self { input, kernel, weights, biases, .. } = self;
        let kernels = kernels_mut(weights, *kernel, input.maps);
        vec![("weights", kernels.into_dyn()), (BIASES, biases.view_mut().into_dyn())]
    }

    parameter_memory!(weights: Weights, biases: Biases);

    fn units(&self) -> usize {
        self.biases.len()
    }

    fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        let shape = Shape { maps: self.input.maps, height: self.kernel, width: self.kernel };
        (shape, shape.maps_first(&self.weights.view().column(unit).to_vec()))
    }

    fn forward(&self, x: Batch, mut a: ArrayViewMut2<Real>, context: LayerContext) {
        let indices = &mut context.workspace.indices;
        let (patches, biases) = (self.patches(), self.biases.as_slice().expect(CONTIGUOUS));
        indices.clear();
        indices.extend(patches.starts().chain(patches.offsets()));
        let (starts, offsets) = indices.split_at(patches.count());
        for (index, x) in rows(x.dense()).enumerate() {
            let mut a = a.slice_mut(s![index..=index, ..]);
            let out = a.as_slice_mut().expect(BATCH);
            patches_times_weights(out, x, starts, offsets, &self.weights, biases);
            // Image by image, while its values are in the L1 cache.
            self.activation.apply_in_place(a);
        }
    }

    fn input_delta(
        &self,
        LayerValues { delta, .. }: LayerValues,
        input_delta: ArrayViewMut2<Real>,
        context: LayerContext,
    ) {
        let Workspace { second: transposed, deltas, .. } = context.workspace;
        let (maps, patches) = (self.biases.len(), self.patches());
        // The weights in the layout (kernel row, map out, run).
        transposed.clear();
        let (run, stride) = (patches.run, self.weights.stride());
        for row in self.weights.padded().chunks_exact(run * stride) {
            (0..maps).for_each(|map| transposed.extend(row[map..].iter().step_by(stride)));
        }
        for (delta, input_delta) in rows(delta).zip(rows_mut(input_delta)) {
            input_delta.fill(0.0);
            deltas.clear(delta.len());
            delta.chunks_exact(maps).for_each(|delta| deltas.push_values(delta, run));
            for (row, transposed) in transposed.chunks_exact(maps * run).enumerate() {
                for (start, entries) in patches.starts().zip(deltas.iter()) {
                    let at = start + row * patches.stride;
                    accumulate(&mut input_delta[at..at + run], entries, transposed);
                }
            }
        }
    }

    fn gradients(
        &self,
        LayerValues { x, delta, .. }: LayerValues,
        gradients: &mut LayerGradients,
        context: LayerContext,
    ) {
        let LayerContext { workspace, pass, .. } = context;
        let Workspace { first: image, second: sums, inputs: listed, deltas, .. } = workspace;
        let SparseRows { entries, ends, .. } = deltas;
        let (maps, patches) = (self.biases.len(), self.patches());
        let (kernel_rows, run) = (patches.rows, patches.run);
        // The transpose of the gradient, shape (maps, kernel rows, run), into which whole runs are
        // summed; short runs take a vector each.
        let short = run <= RUN;
        let width = run.max(RUN);
        sums.clear();
        sums.resize(maps * kernel_rows * width, 0.0);
        gradients.biases.fill(0.0);
        for (x, delta) in rows(x.dense()).zip(rows(delta)) {
            list_by_map(delta, maps, &patches, listed, entries, ends);
            if short {
                image.clear();
                image.extend_from_slice(x);
                image.resize(x.len() + RUN, 0.0);
            }
            for (map, sums) in sums.chunks_exact_mut(kernel_rows * width).enumerate() {
                let entries = &entries[map * patches.count()..][..ends[map]];
                gradients.biases[map] += entries.iter().map(|entry| entry.value).sum::<Real>();
                if short {
                    accumulate_runs(sums, entries, image, patches.stride);
                    continue;
                }
                for (row, sum) in sums.chunks_exact_mut(run).enumerate() {
                    accumulate(sum, entries, &x[row * patches.stride..]);
                }
            }
        }
        gradients.biases *= pass.scale;
        let weights = gradients.weights[0].as_slice_mut().expect(CONTIGUOUS);
        for (at, row) in weights.chunks_exact_mut(self.weights.stride()).enumerate() {
            let column = sums.iter().skip(at / run * width + at % run).step_by(kernel_rows * width);
            row.iter_mut().zip(column).for_each(|(g, sum)| *g = pass.scale * sum);
        }
    }
}

/// Lists the nonzero deltas of each map with the offsets of their patches. The `ends[m]` entries of
/// map m start at m · patches; `listed` is a buffer for the deltas of a patch.
fn list_by_map(
    delta: &[Real],
    maps: usize,
    patches: &Patches,
    listed: &mut SparseRows,
    entries: &mut Vec<SparseEntry>,
    ends: &mut Vec<usize>,
) {
    listed.clear(maps);
    if entries.len() < delta.len() {
        entries.resize(delta.len(), SparseEntry::default());
    }
    ends.clear();
    ends.resize(maps, 0);
    for (start, deltas) in patches.starts().zip(delta.chunks_exact(maps)) {
        let count = nonzero(deltas, 1, &mut listed.entries);
        for entry in &listed.entries[..count] {
            let map = entry.offset as usize;
            let place = map * patches.count() + ends[map];
            entries[place] = SparseEntry { offset: start as u32, value: entry.value };
            ends[map] += 1;
        }
    }
}
