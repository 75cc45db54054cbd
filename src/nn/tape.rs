//! What a forward pass leaves behind for the backward pass.

use super::layer::{Pass, Scratch, Taped, Told, are_many};
use super::listing::{Listing, Order};
use super::{Mode, Network, Real};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use std::mem::{replace, swap, take};

/// Activations and deltas of every layer; made once for the largest batch, then reused.
#[derive(Clone, Debug)]
pub struct Tape {
    pub(crate) layers: Vec<LayerTape>,
    pub(crate) samples: usize,
    mode: Mode,
    first_row: usize,
    /// Samples of the whole mini-batch, of which these rows may be a part.
    batch: usize,
    /// How the first layer is told its inputs, in the next pass and in the one under way.
    next: Told,
    told: Told,
    /// Whether the first layer's weights are in its scratch.
    packed: bool,
}

/// What of a tape is needed only while its rows are worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lent {
    /// Where going forward and going back are two pieces of work.
    Deltas,
    AllButOutputs,
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
            next: Told::Numbers,
            told: Told::Numbers,
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

    /// How the first layer is best told so many samples for a forward pass in that mode, where that
    /// is by a [`Listing`].
    pub(crate) fn order(&self, network: &Network, samples: usize, mode: Mode) -> Option<Order> {
        let stride = network.layers.first()?.kind().listing_stride()?;
        let packed = self.packed.then(|| self.layers[0].scratch.packed.stride());
        let stride = packed.unwrap_or(stride);
        let learned = matches!(mode, Mode::Training { .. });
        let bytes = learned && are_many(samples);
        Some(if bytes { Order::Bytes } else { Order::List { stride } })
    }

    /// Takes a listing, in the order asked for, for the next forward pass, which then reads nothing
    /// of its `x` but the number of rows. The listing keeps nothing but room.
    pub(crate) fn take_listing(&mut self, listing: &mut Listing) {
        if let Some(first) = self.layers.first_mut() {
            let Scratch { inputs, bytes, turned, .. } = &mut first.scratch;
            swap(inputs, &mut listing.list);
            swap(bytes, &mut listing.bytes);
            swap(turned, &mut listing.turned);
            self.next = match listing.order {
                Order::List { .. } => Told::List,
                Order::Bytes => Told::Bytes,
            };
        }
    }

    /// Moves the weights of a first layer that takes a listing here, for passes and steps of descent
    /// one after the other; until [`Tape::unpack`] those in the network are out of date.
    pub(crate) fn pack(&mut self, network: &Network) {
        let (Some(layer), Some(here)) = (network.layers.first(), self.layers.first_mut()) else {
            return;
        };
        if !self.packed && layer.kind().listing_stride().is_some() {
            let lines = are_many(here.activations.nrows());
            layer.kind().pack(&mut here.scratch, lines);
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
        self.told = replace(&mut self.next, Told::Numbers);
    }

    /// Room for a layer's activations, so many rows at a time.
    pub(crate) fn activation_parts(
        &mut self,
        layer: usize,
        rows: usize,
    ) -> impl DoubleEndedIterator<Item = ArrayViewMut2<'_, Real>> + ExactSizeIterator + Send {
        self.layers[layer].activations.axis_chunks_iter_mut(Axis(0), rows)
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
        let told = if layer == 0 { self.told } else { Told::Numbers };
        let packed = layer == 0 && self.packed;
        Pass { mode: self.mode, layer, first_row: self.first_row, scale, told, packed }
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
