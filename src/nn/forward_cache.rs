//! The values of the forward pass that the backward pass needs.

use super::layer::{LayerContext, LayerValues, Pass, Workspace};
use super::{Batch, Executor, Mode, Network, Real};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use std::mem::swap;
use std::ops::Range;

/// Activations, deltas and workspaces of every layer, allocated once for the largest batch.
#[derive(Debug)]
pub struct ForwardCache {
    pub(crate) layers: Vec<LayerCache>,
    pub(crate) samples: usize,
    mode: Mode,
    first_row: usize,
    /// Samples of the whole mini-batch; the cache may hold a part of it.
    batch: usize,
}

/// Which buffers a cache borrows from another one while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BorrowedBuffers {
    /// The deltas only: forward and backward pass are run separately.
    Deltas,
    AllButOutputs,
}

#[derive(Debug)]
pub(crate) struct LayerCache {
    /// a, shape (capacity, units).
    pub(crate) activations: Array2<Real>,
    /// δ = ∂C/∂z, shape (capacity, units).
    pub(crate) delta: Array2<Real>,
    pub(crate) workspace: Workspace,
}

impl ForwardCache {
    /// A cache for batches of up to `capacity` samples.
    #[must_use]
    pub fn new(network: &Network, capacity: usize) -> Self {
        Self::of_layers(network, capacity, 0..network.layers.len())
    }

    /// As [`ForwardCache::new`], with buffers for some of the layers only.
    pub(crate) fn of_layers(network: &Network, capacity: usize, layers: Range<usize>) -> Self {
        Self::with_room(network, |l, units| {
            [if layers.contains(&l) { (capacity, units) } else { (0, 0) }; 2]
        })
    }

    /// As [`ForwardCache::new`], without the buffers that it
    /// [borrows](ForwardCache::swap_borrowed).
    pub(crate) fn borrowing(network: &Network, capacity: usize, borrowed: BorrowedBuffers) -> Self {
        let last = network.layers.len().wrapping_sub(1);
        Self::with_room(network, |l, units| {
            let own = borrowed == BorrowedBuffers::Deltas || l == last;
            [if own { (capacity, units) } else { (0, 0) }, (0, 0)]
        })
    }

    /// `shapes` returns the shapes of activations and deltas for a layer and its number of units.
    fn with_room(network: &Network, shapes: impl Fn(usize, usize) -> [(usize, usize); 2]) -> Self {
        let layers = network.layers.iter().enumerate().map(|(l, layer)| {
            let [activations, delta] = shapes(l, layer.output().len()).map(Array2::zeros);
            LayerCache { activations, delta, workspace: Workspace::default() }
        });
        let layers = layers.collect();
        Self { layers, samples: 0, mode: Mode::Inference, first_row: 0, batch: 1 }
    }

    /// Swaps the borrowed buffers with those of another cache of the same network and capacity.
    pub(crate) fn swap_borrowed(&mut self, other: &mut Self, borrowed: BorrowedBuffers) {
        let last = self.layers.len().wrapping_sub(1);
        for (l, (here, there)) in self.layers.iter_mut().zip(&mut other.layers).enumerate() {
            swap(&mut here.delta, &mut there.delta);
            if borrowed == BorrowedBuffers::AllButOutputs {
                swap(&mut here.workspace, &mut there.workspace);
                if l != last {
                    swap(&mut here.activations, &mut there.activations);
                }
            }
        }
    }

    /// Prepares for `samples` rows, starting at `first_row`, of a mini-batch of `batch` samples.
    pub(crate) fn begin(&mut self, mode: Mode, first_row: usize, samples: usize, batch: usize) {
        self.mode = mode;
        self.first_row = first_row;
        self.samples = samples;
        self.batch = batch;
    }

    /// A layer's output buffer, split into parts of `rows` samples.
    pub(crate) fn activation_parts(
        &mut self,
        l: usize,
        rows: usize,
    ) -> impl DoubleEndedIterator<Item = ArrayViewMut2<'_, Real>> + ExactSizeIterator + Send {
        self.layers[l].activations.axis_chunks_iter_mut(Axis(0), rows)
    }

    /// Copies a layer's δ from the rows of `whole` starting at `first`.
    pub(crate) fn copy_delta(&mut self, l: usize, first: usize, whole: &Self) {
        let (samples, from) = (self.samples, &whole.layers[l].delta);
        let mut rows = self.layers[l].delta.slice_mut(s![..samples, ..]);
        rows.assign(&from.slice(s![first..first + samples, ..]));
    }

    /// The [`Pass`] of layer l for the current rows.
    pub(crate) fn pass(&self, l: usize) -> Pass {
        let scale = 1.0 / self.batch as Real;
        let Self { mode, first_row, .. } = *self;
        Pass { mode, layer: l, first_row, scale, skip_zero_inputs: false }
    }

    /// The values and the context of layer l for the backward pass; `x` is the network's input.
    pub(crate) fn values<'a, 'pool>(
        &'a mut self,
        l: usize,
        x: Batch<'a>,
        executor: &'a mut Executor<'pool>,
    ) -> (LayerValues<'a>, LayerContext<'a, 'pool>) {
        let rows = s![..self.samples, ..];
        let pass = self.pass(l);
        let (before, rest) = self.layers.split_at_mut(l);
        let LayerCache { activations, delta, workspace } = &mut rest[0];
        let x = before.last().map_or(x, |before| Batch::Dense(before.activations.slice(rows)));
        let values = LayerValues { x, a: activations.slice(rows), delta: delta.slice(rows) };
        (values, LayerContext { workspace, pass, executor })
    }

    /// A layer's activations in the last forward pass, shape (samples, units).
    #[must_use]
    pub fn activations(&self, layer: usize) -> ArrayView2<'_, Real> {
        self.layers[layer].activations.slice(s![..self.samples, ..])
    }

    /// A layer's δ = ∂C/∂z in the last backward pass, shape (samples, units).
    #[must_use]
    pub fn delta(&self, layer: usize) -> ArrayView2<'_, Real> {
        self.layers[layer].delta.slice(s![..self.samples, ..])
    }

    /// The output activations of the last forward pass, shape (samples, outputs).
    ///
    /// # Panics
    /// If the network has no layers.
    #[must_use]
    pub fn outputs(&self) -> ArrayView2<'_, Real> {
        self.activations(self.layers.len() - 1)
    }
}
