//! What a forward pass leaves behind for the backward pass.

use super::kernels::{List, expand, ink};
use super::layer::{Pass, Scratch, Taped};
use super::{Mode, Network, Real};
use ndarray::{Array2, ArrayView2, s};
use std::mem::{swap, take};

/// Activations and deltas of every layer; made once for the largest batch, then reused.
#[derive(Clone, Debug)]
pub struct Tape {
    pub(crate) layers: Vec<LayerTape>,
    pub(crate) samples: usize,
    mode: Mode,
    first_row: usize,
    /// Samples of the whole mini-batch, of which these rows may be a part.
    batch: usize,
    inputs: Inputs,
    /// Whether the first layer's weights are in its scratch.
    packed: bool,
}

/// Where the first layer finds its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inputs {
    Given,
    /// Listed for the next forward pass.
    Announced,
    /// Listed for the pass under way.
    Listed,
}

/// What of a tape is needed only while its rows are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lent {
    /// Where going forward and going back are two pieces of work.
    Deltas,
    AllButOutputs,
}

/// The inputs of a mini-batch, told as bytes: only those that are not zero are kept.
#[derive(Debug)]
pub struct Listing<'a> {
    inputs: &'a mut List,
    stride: usize,
}

impl Listing<'_> {
    /// Adds a sample; `pixels` as many as the network has inputs, 0 to 255 for 0 to 1.
    pub fn push(&mut self, pixels: &[u8]) {
        self.inputs.push(|terms| ink(pixels, self.stride, terms));
    }

    /// Adds a sample by the inputs that are not zero: their places and values.
    pub fn push_ink(&mut self, places: &[u16], values: &[u8]) {
        self.inputs.push(|terms| {
            expand(terms, places, values, self.stride as u32);
            places.len()
        });
    }
}

#[derive(Clone, Debug)]
pub(crate) struct LayerTape {
    /// a, shape (capacity, units).
    pub(crate) activations: Array2<Real>,
    /// ∂C/∂z, shape (capacity, units).
    pub(crate) delta: Array2<Real>,
    pub(crate) scratch: Scratch,
}

impl Tape {
    /// Room for batches of up to `capacity` samples.
    #[must_use]
    pub fn new(network: &Network, capacity: usize) -> Self {
        Self::with_room(network, |_, width| [(capacity, width); 2])
    }

    /// As [`Tape::new`], but without what is [`Tape::exchange`]d while it is needed.
    pub(crate) fn hollow(network: &Network, capacity: usize, lent: Lent) -> Self {
        let last = network.layers.len().wrapping_sub(1);
        Self::with_room(network, |layer, width| {
            let kept = lent == Lent::Deltas || layer == last;
            [if kept { (capacity, width) } else { (0, 0) }, (0, 0)]
        })
    }

    /// `room` tells of a layer, and its number of units, the shapes of activations and deltas.
    fn with_room(network: &Network, room: impl Fn(usize, usize) -> [(usize, usize); 2]) -> Self {
        let layers = network.layers.iter().enumerate().map(|(index, layer)| {
            let [activations, delta] = room(index, layer.output().len()).map(Array2::zeros);
            LayerTape { activations, delta, scratch: Scratch::default() }
        });
        Self {
            layers: layers.collect(),
            samples: 0,
            mode: Mode::Inference,
            first_row: 0,
            batch: 1,
            inputs: Inputs::Given,
            packed: false,
        }
    }

    /// Takes from another tape of the same network and capacity what is lent, and gives its own.
    pub(crate) fn exchange(&mut self, other: &mut Tape, lent: Lent) {
        let last = self.layers.len().wrapping_sub(1);
        for (index, (here, there)) in self.layers.iter_mut().zip(&mut other.layers).enumerate() {
            swap(&mut here.delta, &mut there.delta);
            if lent == Lent::AllButOutputs {
                swap(&mut here.scratch, &mut there.scratch);
                if index != last {
                    swap(&mut here.activations, &mut there.activations);
                }
            }
        }
    }

    /// Where the first layer is best told only what is not zero: the list of the samples of the
    /// next forward pass, which then reads nothing of its `x` but the number of rows.
    pub fn listing(&mut self, network: &Network) -> Option<Listing<'_>> {
        let stride = network.layers.first()?.kind().listing_stride(self.packed)?;
        let LayerTape { activations, scratch, .. } = self.layers.first_mut()?;
        scratch.inputs.clear(activations.nrows() * network.inputs());
        self.inputs = Inputs::Announced;
        Some(Listing { inputs: &mut scratch.inputs, stride })
    }

    /// Moves the weights of a first layer that takes a listing here, for passes and steps of descent
    /// one after the other; until [`Tape::unpack`] those in the network are out of date.
    pub(crate) fn pack(&mut self, network: &Network) {
        let (Some(layer), Some(here)) = (network.layers.first(), self.layers.first_mut()) else {
            return;
        };
        if !self.packed && layer.kind().listing_stride(true).is_some() {
            layer.kind().pack(&mut here.scratch);
            self.packed = true;
        }
    }

    /// Moves the weights back.
    pub(crate) fn unpack(&mut self, network: &mut Network) {
        if take(&mut self.packed) {
            network.layers[0].kind_mut().unpack(&self.layers[0].scratch);
        }
    }

    /// Gets ready for rows of a mini-batch of `batch` samples.
    pub(crate) fn begin(&mut self, mode: Mode, first_row: usize, samples: usize, batch: usize) {
        self.mode = mode;
        self.first_row = first_row;
        self.samples = samples;
        self.batch = batch;
        let announced = self.inputs == Inputs::Announced;
        self.inputs = if announced { Inputs::Listed } else { Inputs::Given };
    }

    /// Takes over a layer's activations: all rows of `part` are the rows from `first` on.
    pub(crate) fn take_activations(&mut self, layer: usize, first: usize, part: &Tape) {
        let rows = s![first..first + part.samples, ..];
        self.layers[layer].activations.slice_mut(rows).assign(&part.activations(layer));
    }

    /// Takes over a layer's δ: the rows from `first` on of `whole`.
    pub(crate) fn take_delta(&mut self, layer: usize, first: usize, whole: &Tape) {
        let (samples, from) = (self.samples, &whole.layers[layer].delta);
        let mut rows = self.layers[layer].delta.slice_mut(s![..samples, ..]);
        rows.assign(&from.slice(s![first..first + samples, ..]));
    }

    /// Takes over activations and δ of the layers from `first` on, the first rows of `whole`.
    pub(crate) fn take_layers(&mut self, first: usize, whole: &Tape) {
        let rows = s![..self.samples, ..];
        for (here, from) in self.layers.iter_mut().zip(&whole.layers).skip(first) {
            here.activations.slice_mut(rows).assign(&from.activations.slice(rows));
            here.delta.slice_mut(rows).assign(&from.delta.slice(rows));
        }
    }

    /// What a layer is told of these rows.
    pub(crate) fn pass(&self, layer: usize) -> Pass {
        let scale = 1.0 / self.batch as Real;
        let listed = layer == 0 && self.inputs == Inputs::Listed;
        let packed = layer == 0 && self.packed;
        Pass { mode: self.mode, layer, first_row: self.first_row, scale, listed, packed }
    }

    /// What backpropagation hands a layer; `x` are the network's inputs.
    pub(crate) fn taped<'a>(
        &'a mut self,
        index: usize,
        x: ArrayView2<'a, Real>,
    ) -> (Taped<'a>, &'a mut Scratch, Pass) {
        let rows = s![..self.samples, ..];
        let pass = self.pass(index);
        let (before, rest) = self.layers.split_at_mut(index);
        let LayerTape { activations, delta, scratch } = &mut rest[0];
        let x = before.last().map_or(x, |previous| previous.activations.slice(rows));
        let taped = Taped { x, a: activations.slice(rows), delta: delta.slice(rows) };
        (taped, scratch, pass)
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
    /// Where the network has no layers.
    #[must_use]
    pub fn outputs(&self) -> ArrayView2<'_, Real> {
        self.activations(self.layers.len() - 1)
    }
}
