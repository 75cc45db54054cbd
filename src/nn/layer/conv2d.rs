//! Convolution (section 6.1): feature maps that share their weights.

use super::{BIASES, LayerOps, LayerValues, Pass, Role, Shape, Workspace};
use crate::linalg::{
    Entry, Patches, RUN, SparseRows, accumulate, accumulate_runs, nonzero, pack_bands, padded,
    patches_times_weights, strip_padding, unfold,
};
use crate::nn::{Activation, Batch, Executor, Init, LayerGradients, Real};
use crate::rng::Stream;
use ndarray::{Array1, Array4, ArrayViewD, ArrayViewMut2, ArrayViewMutD, s};
use rand_distr::{Distribution, Normal};
use serde::{Deserialize, Serialize};

/// Every feature map is the convolution of all maps of its input with a kernel of its own, at a
/// stride of one pixel and without padding: maps shrink by kernel − 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conv2d {
    pub input: Shape,
    /// Shape (kernel, kernel, maps in, maps out): the layout called HWIO.
    pub weights: Array4<Real>,
    /// Shape (maps out).
    pub biases: Array1<Real>,
    pub activation: Activation,
}

impl Conv2d {
    /// A layer of `maps` feature maps with weights drawn as `init` says for kernel² · maps in
    /// inputs, biases unit Gaussians. `kernel` is at most the input's height and width.
    ///
    /// # Panics
    /// Never: a standard deviation of 1/√n is finite and positive.
    #[must_use]
    pub fn random(
        input: Shape,
        maps: usize,
        kernel: usize,
        activation: Activation,
        init: Init,
        stream: &mut Stream,
    ) -> Self {
        let normal = Normal::new(0.0, init.deviation(kernel * kernel * input.maps))
            .expect("a deviation of 1/sqrt(n) is finite and positive");
        let unit = Normal::new(0.0, 1.0).expect("1 is finite and positive");
        let biases = Array1::from_shape_simple_fn(maps, || unit.sample(stream) as Real);
        let shape = (kernel, kernel, input.maps, maps);
        let weights = Array4::from_shape_simple_fn(shape, || normal.sample(stream) as Real);
        Self { input, weights, biases, activation }
    }

    fn kernel(&self) -> usize {
        self.weights.shape()[0]
    }

    /// The patches of the input that the kernel is multiplied with, in a row of a batch.
    fn patches(&self) -> Patches {
        let output = self.output();
        Patches {
            height: output.height,
            width: output.width,
            rows: self.kernel(),
            run: self.kernel() * self.input.maps,
            stride: self.input.width * self.input.maps,
            step: self.input.maps,
        }
    }
}

/// The patches of an image one after the other; `room` is made as large as needed.
fn unfolded<'a>(x: &[Real], patches: &Patches, room: &'a mut Vec<Real>) -> &'a [Real] {
    let size = patches.count() * patches.rows * patches.run;
    room.resize(size + RUN + x.len() + RUN, 0.0);
    let (unfolded, image) = room.split_at_mut(size + RUN);
    image[..x.len()].copy_from_slice(x);
    unfold(unfolded, image, *patches);
    &unfolded[..size]
}

impl LayerOps for Conv2d {
    fn input(&self) -> Shape {
        self.input
    }

    fn output(&self) -> Shape {
        Shape {
            maps: self.biases.len(),
            height: self.input.height + 1 - self.kernel(),
            width: self.input.width + 1 - self.kernel(),
        }
    }

    fn name(&self) -> String {
        format!("conv{}x{}", self.biases.len(), self.kernel())
    }

    fn activation(&self) -> Activation {
        self.activation
    }

    fn multiplications(&self) -> usize {
        let output = self.output();
        self.weights.len() * output.height * output.width
    }

    fn parameters(&self) -> Vec<(&'static str, ArrayViewD<'_, Real>)> {
        vec![("weights", self.weights.view().into_dyn()), (BIASES, self.biases.view().into_dyn())]
    }

    fn parameters_mut(&mut self) -> Vec<(&'static str, ArrayViewMutD<'_, Real>)> {
        vec![
            ("weights", self.weights.view_mut().into_dyn()),
            (BIASES, self.biases.view_mut().into_dyn()),
        ]
    }

    fn units(&self) -> usize {
        self.biases.len()
    }

    fn unit_weights(&self, unit: usize) -> (Shape, Vec<Real>) {
        let kernel = self.kernel();
        let shape = Shape { maps: self.input.maps, height: kernel, width: kernel };
        let weights: Vec<Real> =
            self.weights.iter().skip(unit).step_by(self.biases.len()).copied().collect();
        (shape, shape.maps_first(&weights))
    }

    fn visit_mut(&mut self, visit: &mut dyn FnMut(Role, &mut [Real])) {
        visit(Role::Weights, self.weights.as_slice_mut().expect("weights are row-major"));
        visit(Role::Biases, self.biases.as_slice_mut().expect("a vector of its own is contiguous"));
    }

    fn zero_gradients(&self) -> LayerGradients {
        LayerGradients {
            weights: vec![Array4::zeros(self.weights.raw_dim()).into_dyn()],
            biases: Array1::zeros(self.biases.raw_dim()),
            statistics: Vec::new(),
        }
    }

    fn forward(
        &self,
        x: Batch,
        mut a: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        _pass: Pass,
        _executor: &mut Executor,
    ) {
        let x = x.dense();
        let Workspace { first: packed, second: z, third: wide, places: starts, .. } = workspace;
        let (maps, patches) = (self.biases.len(), self.patches());
        let (columns, room) = (padded(maps), patches.count());
        pack_bands(slice(&self.weights), maps, packed);
        // Behind them the biases, padded to whole vectors, and room for z where rows are padded.
        let weights = packed.len();
        packed.extend(self.biases.iter());
        packed.resize(weights + columns, 0.0);
        let (packed, biases) = packed.split_at(weights);
        let short = patches.run <= RUN;
        let seen = if short { patches.unfolded() } else { patches };
        starts.clear();
        starts.extend(seen.starts());
        z.resize(room * columns, 0.0);
        for (index, x) in x.rows().into_iter().enumerate() {
            let mut x = x.to_slice().expect(ROWS);
            if short {
                x = unfolded(x, &patches, wide);
            }
            let mut a = a.slice_mut(s![index..=index, ..]);
            let to = a.as_slice_mut().expect(ROWS);
            if columns == maps {
                patches_times_weights(to, x, starts, seen, packed, biases);
            } else {
                patches_times_weights(z, x, starts, seen, packed, biases);
                strip_padding(to, maps, z, columns);
            }
            // Image by image, while it is still in the first cache.
            self.activation.apply_in_place(a);
        }
    }

    fn input_delta(
        &self,
        LayerValues { delta, .. }: LayerValues,
        mut input_delta: ArrayViewMut2<Real>,
        workspace: &mut Workspace,
        _pass: Pass,
        _executor: &mut Executor,
    ) {
        let Workspace { first: transposed, deltas, .. } = workspace;
        let (maps, patches) = (self.biases.len(), self.patches());
        // The weights of one map side by side, run after run: (kernel row, map out, run).
        transposed.clear();
        let weights = self.weights.as_slice().expect(WEIGHTS);
        for row in weights.chunks_exact(patches.run * maps) {
            (0..maps).for_each(|map| transposed.extend(row.iter().skip(map).step_by(maps)));
        }
        let run = patches.run;
        for (delta, mut input_delta) in delta.rows().into_iter().zip(input_delta.rows_mut()) {
            let input_delta = input_delta.as_slice_mut().expect(ROWS);
            input_delta.fill(0.0);
            deltas.clear(delta.len());
            for delta in delta.to_slice().expect(ROWS).chunks_exact(maps) {
                deltas.push_values(delta, run);
            }
            for (row, transposed) in transposed.chunks_exact(maps * run).enumerate() {
                let mut start = 0;
                for (patch, &end) in deltas.ends.iter().enumerate() {
                    let entries = &deltas.entries[std::mem::replace(&mut start, end)..end];
                    let (y, x) = (patch / patches.width, patch % patches.width);
                    let at = patches.offset(y, x, row);
                    accumulate(&mut input_delta[at..at + run], entries, transposed);
                }
            }
        }
    }

    fn gradients(
        &self,
        LayerValues { x, delta, .. }: LayerValues,
        gradients: &mut LayerGradients,
        workspace: &mut Workspace,
        pass: Pass,
        _executor: &mut Executor,
    ) {
        let x = x.dense();
        let Workspace {
            first: sums,
            second: padded,
            inputs: listed,
            deltas: SparseRows { entries, ends, .. },
            ..
        } = workspace;
        let (maps, patches) = (self.biases.len(), self.patches());
        let (rows, run, room) = (patches.rows, patches.run, patches.height * patches.width);
        // Shape (maps, rows, run): the transpose of the gradient, whose runs are summed whole,
        // short ones in a vector each.
        let short = run <= RUN;
        let width = run.max(RUN);
        sums.clear();
        sums.resize(maps * rows * width, 0.0);
        gradients.biases.fill(0.0);
        for (x, delta) in x.rows().into_iter().zip(delta.rows()) {
            let (x, delta) = (x.to_slice().expect(ROWS), delta.to_slice().expect(ROWS));
            list_by_map(delta, maps, &patches, listed, entries, ends);
            padded.clear();
            if short {
                padded.extend_from_slice(x);
                padded.resize(x.len() + RUN, 0.0);
            }
            for (map, sums) in sums.chunks_exact_mut(rows * width).enumerate() {
                let entries = &entries[map * room..][..ends[map]];
                gradients.biases[map] += entries.iter().map(|entry| entry.value).sum::<Real>();
                if short {
                    accumulate_runs(sums, entries, padded, patches.stride);
                    continue;
                }
                for (row, sum) in sums.chunks_exact_mut(run).enumerate() {
                    accumulate(sum, entries, &x[row * patches.stride..]);
                }
            }
        }
        gradients.biases *= pass.scale;
        let weights = gradients.weights[0].as_slice_mut().expect(WEIGHTS);
        for (at, row) in weights.chunks_exact_mut(maps).enumerate() {
            let column = sums.iter().skip(at / run * width + at % run).step_by(rows * width);
            row.iter_mut().zip(column).for_each(|(g, sum)| *g = pass.scale * sum);
        }
    }
}

/// Lists the deltas that are not zero, map after map, each with the place of its patch; map m's
/// entries begin at m · patches, and there are `ends[m]` of them. `listed` is room for a patch.
fn list_by_map(
    delta: &[Real],
    maps: usize,
    patches: &Patches,
    listed: &mut SparseRows,
    entries: &mut Vec<Entry>,
    ends: &mut Vec<usize>,
) {
    let room = patches.height * patches.width;
    listed.clear(maps);
    if entries.len() < delta.len() {
        entries.resize(delta.len(), Entry::default());
    }
    ends.clear();
    ends.resize(maps, 0);
    for (patch, deltas) in delta.chunks_exact(maps).enumerate() {
        let (y, x) = (patch / patches.width, patch % patches.width);
        let offset = patches.offset(y, x, 0) as u32;
        let count = nonzero(deltas, 1, &mut listed.entries);
        for entry in &listed.entries[..count] {
            let map = entry.offset as usize;
            entries[map * room + ends[map]] = Entry { offset, value: entry.value };
            ends[map] += 1;
        }
    }
}

fn slice<D: ndarray::Dimension>(array: &ndarray::Array<Real, D>) -> &[Real] {
    array.as_slice().expect(WEIGHTS)
}

/// Why a row of a batch is a slice.
const ROWS: &str = "the values of a batch's row lie side by side";
/// Why weights and their gradients are slices.
const WEIGHTS: &str = "weights, biases and gradients are row-major";
