//! Wide dense layers: the whole mini-batch at once, some of their inputs at a time.
//!
//! Cut into shards, every shard would read all their weights and write a gradient as large. The
//! parts are the same for any number of threads, and so are the sums. Of two threads, one works on
//! the first inputs and one on the last, forward and back: so each meets the weights that it
//! changed in the step before.

use super::crew::{Crew, lock};
use crate::nn::layer::{Chunk, Dense, Descent, Dropout, Pass, Rows, Taped, cut_rows, halves};
use crate::nn::{Activation, Gradients, Layer, LayerTape, List, Mode, Network, Packed, Real, Tape};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};
use std::sync::Mutex;

/// The layers from the first wide one on.
#[derive(Debug)]
pub(super) struct Tail {
    /// The index of that layer.
    pub(super) first: usize,
    /// The index of the layers behind the last that threads share.
    turn: usize,
    /// Of the whole mini-batch. The layer before has its activations and δ here too.
    pub(super) tape: Tape,
    /// Room for weights: for one thread, or for both halves of a layer's inputs and so many of its
    /// columns that there is one a thread.
    rooms: Vec<Mutex<Packed>>,
    /// What the second half of a layer's inputs adds up to, shape (batch, units).
    second: Array2<Real>,
    /// A layer's δ, where it can be read fast.
    delta: Packed,
    /// For some rows of weights at a time the samples of each input, and room.
    by_rows: Vec<(List, Packed)>,
}

/// Weights from which a dense layer is wide here: with less, one gradient a shard costs little. That
/// is less than [`Dense::is_wide`] asks for, which knows no shards.
const WIDE: usize = 50_000;

fn is_wide(dense: &Dense) -> bool {
    dense.weights.len() >= WIDE
}

fn wide(layer: &Layer) -> Option<&Dense> {
    match layer {
        Layer::Dense(dense) if is_wide(dense) => Some(dense),
        _ => None,
    }
}

fn wide_mut(layer: &mut Layer) -> Option<&mut Dense> {
    match layer {
        Layer::Dense(dense) if is_wide(dense) => Some(dense),
        _ => None,
    }
}

impl Tail {
    /// The tail of a network that has a wide layer.
    pub(super) fn of(network: &Network, batch: usize, threads: usize) -> Option<Self> {
        let first = network.layers.iter().position(|layer| wide(layer).is_some())?;
        let inputs = network.layers.iter().filter_map(wide).map(|dense| dense.weights.nrows());
        let units = network.layers.iter().filter_map(wide).map(|dense| dense.biases.len());
        let shared = |layer: &Layer| wide(layer).is_some() || matches!(layer, Layer::Dropout(_));
        let rooms = if threads > 1 { threads.next_multiple_of(2) } else { 1 };
        Some(Self {
            first,
            turn: network.layers.iter().rposition(shared).map_or(first, |last| last + 1),
            tape: Tape::new(network, batch),
            rooms: (0..rooms).map(|_| Mutex::default()).collect(),
            second: Array2::zeros((batch, units.max().unwrap_or(0))),
            delta: Packed::default(),
            by_rows: vec![Default::default(); inputs.map(Rows::count).max().unwrap_or(0)],
        })
    }

    /// Makes ready for a mini-batch of so many samples.
    pub(super) fn begin(&mut self, mode: Mode, samples: usize) {
        self.tape.begin(mode, 0, samples, samples);
    }

    /// Forward through the layers that are shared, behind the activations of the layer before. `x`
    /// are the network's inputs.
    pub(super) fn forward(&mut self, network: &Network, x: ArrayView2<Real>, crew: &mut Crew) {
        for index in self.first..self.turn {
            match &network.layers[index] {
                Layer::Dense(dense) if is_wide(dense) => self.forward_wide(index, dense, x, crew),
                Layer::Dropout(dropout) => self.forward_dropout(index, dropout, crew),
                _ => network.forward_layer(index, x, &mut self.tape),
            }
        }
    }

    /// Forward through the layers at the end, which one thread works on, and back; `y` are the
    /// network's targets. With a step of plain gradient descent for them, where one is given.
    pub(super) fn turn(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        y: ArrayView2<Real>,
        descent: Option<Descent>,
        spare: &mut Gradients,
    ) {
        for index in self.turn..network.layers.len() {
            network.forward_layer(index, x, &mut self.tape);
        }
        network.output_delta(y, &mut self.tape);
        for index in (self.turn..network.layers.len()).rev() {
            self.backward_alone(index, network, x, descent, spare);
        }
    }

    fn forward_wide(&mut self, index: usize, dense: &Dense, x: ArrayView2<Real>, crew: &mut Crew) {
        let rows = s![..self.tape.samples, ..];
        let (before, rest) = self.tape.layers.split_at_mut(index);
        let x = before.last().map_or(x, |previous| previous.activations.slice(rows));
        let LayerTape { activations, scratch, .. } = &mut rest[0];
        let mut a = activations.slice_mut(rows);
        let (units, lists) = (dense.biases.len(), &mut scratch.chunks);
        crew.each(Chunk::all(x, units, lists), Chunk::list);
        let (lists, rooms) = (&*lists, &self.rooms);
        // As wide as can be, for weights are read in runs that long; no sum depends on it.
        let width = units.div_ceil(rooms.len().div_ceil(2)).next_multiple_of(16);
        let [half, other_half] = halves(lists.len());
        let mut second = self.second.slice_mut(s![..a.nrows(), ..units]);
        let parts = columns(&mut a, width).map(|part| (half.clone(), part));
        let others = columns(&mut second, width).map(|part| (other_half.clone(), part));
        crew.each(parts.chain(others), |(chunks, (first, mut z))| {
            let place = first / width * 2 + usize::from(chunks.start > 0);
            let mut room = lock(&rooms[place % rooms.len()]);
            z.fill(0.0);
            dense.add_weighted_inputs(lists, chunks, first, z, &mut room);
        });
        let rows = a.axis_chunks_iter_mut(Axis(0), ROWS);
        crew.each(rows.zip(second.axis_chunks_iter(Axis(0), ROWS)), |(mut z, second)| {
            z += &second;
            z += &dense.biases;
            dense.activation.apply_in_place(z);
        });
    }

    fn forward_dropout(&mut self, index: usize, dropout: &Dropout, crew: &mut Crew) {
        let (rows, pass) = (s![..self.tape.samples, ..], self.tape.pass(index));
        let (before, rest) = self.tape.layers.split_at_mut(index);
        let Some(previous) = before.last() else { return };
        let LayerTape { activations, scratch, .. } = &mut rest[0];
        let (x, mut a) = (previous.activations.slice(rows), activations.slice_mut(rows));
        scratch.first.resize(x.len(), 0.0);
        let masks = scratch.first.chunks_mut(ROWS * x.ncols());
        let parts = x.axis_chunks_iter(Axis(0), ROWS);
        let parts = parts.zip(a.axis_chunks_iter_mut(Axis(0), ROWS)).zip(masks);
        crew.each(parts.zip((0..x.nrows()).step_by(ROWS)), |(((x, a), mask), first_row)| {
            dropout.forward_rows(x, a, mask, Pass { first_row, ..pass });
        });
    }

    /// BP3 and BP4 of the tail, once [`Tail::backward`] has found every δ.
    pub(super) fn gradients(
        &mut self,
        network: &Network,
        x: ArrayView2<Real>,
        gradients: &mut Gradients,
        crew: &mut Crew,
    ) {
        for index in self.first..network.layers.len() {
            let (taped, scratch, pass) = self.tape.taped(index, x);
            let gradients = &mut gradients.layers[index];
            if wide(&network.layers[index]).is_none() {
                network.layers[index].kind().gradients(taped, gradients, scratch, pass);
                continue;
            }
            Dense::bias_gradients(taped, gradients, pass);
            let Taped { x, delta, .. } = taped;
            let delta = cut_rows(delta, 1.0, &mut self.delta);
            let weights = gradients.weights[0].as_slice_mut().expect(ROW_MAJOR);
            let chunks = &scratch.chunks;
            crew.each(Rows::all(weights, x).zip(&mut self.by_rows), |(rows, (list, _))| {
                rows.list(chunks, pass.scale, list);
                rows.gradient(delta, list);
            });
        }
    }

    /// BP2 through the layers that are shared, back to the layer before them. With a step of plain
    /// gradient descent for them, where one is given: each layer's as soon as its weights are no
    /// longer asked for.
    pub(super) fn backward(
        &mut self,
        network: &mut Network,
        x: ArrayView2<Real>,
        descent: Option<Descent>,
        spare: &mut Gradients,
        crew: &mut Crew,
    ) {
        for index in (self.first..self.turn).rev() {
            let before = network.layers[..index].last().map(Layer::activation);
            let behind = Behind { activation: before, zeros_learn: network.zeros_learn(index) };
            if let Some(dense) = wide_mut(&mut network.layers[index]) {
                self.backward_wide(index, dense, x, descent, behind, crew);
                continue;
            }
            if let (Layer::Dropout(_), Some(activation)) = (&network.layers[index], before) {
                self.backward_dropout(index, activation, crew);
                continue;
            }
            self.backward_alone(index, network, x, descent, spare);
        }
    }

    fn backward_alone(
        &mut self,
        index: usize,
        network: &mut Network,
        x: ArrayView2<Real>,
        descent: Option<Descent>,
        spare: &mut Gradients,
    ) {
        network.input_delta(index, &mut self.tape);
        if let Some(descent) = descent {
            network.descend_layer(index, x, &mut self.tape, descent, spare);
        }
    }

    fn backward_wide(
        &mut self,
        index: usize,
        dense: &mut Dense,
        x: ArrayView2<Real>,
        descent: Option<Descent>,
        behind: Behind,
        crew: &mut Crew,
    ) {
        let samples = s![..self.tape.samples, ..];
        let scale = self.tape.pass(index).scale;
        let (before, rest) = self.tape.layers.split_at_mut(index);
        let LayerTape { delta, scratch, .. } = &rest[0];
        let (delta, chunks) = (delta.slice(samples), &scratch.chunks);
        let factor = descent.map_or(1.0, |descent| descent.factor(scale));
        let room = &mut self.delta;
        let delta = if descent.is_some() {
            crew.both(move || cut_rows(delta, 1.0, room), || dense.descend_biases(delta, factor))
        } else {
            cut_rows(delta, 1.0, room)
        };
        let weights = dense.weights.as_slice_mut().expect(ROW_MAJOR);
        let Some(previous) = before.last_mut() else {
            let Some(descent) = descent else { return };
            crew.each(Rows::all(weights, x).zip(&mut self.by_rows), |(rows, (list, _))| {
                rows.list(chunks, factor, list);
                rows.descend(delta, descent, list);
            });
            return;
        };
        let activation = behind.activation.unwrap_or(Activation::Linear);
        let whole = activation == Activation::Softmax;
        let mut input_delta = previous.delta.slice_mut(samples);
        let columns = Rows::columns(&mut input_delta);
        let blocks = Rows::all(weights, previous.activations.slice(samples)).zip(columns);
        crew.each(blocks.zip(&mut self.by_rows), |((rows, mut input_delta), (list, sums))| {
            if behind.zeros_learn {
                rows.list_all(factor, list);
            } else {
                rows.list(chunks, factor, list);
            }
            rows.input_delta(delta, list, input_delta.view_mut(), sums);
            if !whole {
                rows.through(activation, input_delta);
            }
            if let Some(descent) = descent {
                rows.descend(delta, descent, list);
            }
        });
        if whole {
            activation.multiply_by_derivative(previous.activations.slice(samples), input_delta);
        }
    }

    fn backward_dropout(&mut self, index: usize, activation: Activation, crew: &mut Crew) {
        let (rows, pass) = (s![..self.tape.samples, ..], self.tape.pass(index));
        let (before, rest) = self.tape.layers.split_at_mut(index);
        let Some(LayerTape { activations, delta: input_delta, .. }) = before.last_mut() else {
            return;
        };
        let LayerTape { delta, scratch, .. } = &rest[0];
        let (a, delta) = (activations.slice(rows), delta.slice(rows));
        let mut input_delta = input_delta.slice_mut(rows);
        let masks = scratch.first.chunks(ROWS * a.ncols());
        let parts = a.axis_chunks_iter(Axis(0), ROWS).zip(delta.axis_chunks_iter(Axis(0), ROWS));
        let parts = parts.zip(input_delta.axis_chunks_iter_mut(Axis(0), ROWS)).zip(masks);
        crew.each(parts, |(((a, delta), mut input_delta), mask)| {
            Dropout::input_delta_rows(delta, input_delta.view_mut(), mask, pass);
            activation.multiply_by_derivative(a, input_delta);
        });
    }
}

/// Columns, so many at a time, and the first of each.
fn columns<'a>(
    array: &'a mut ArrayViewMut2<Real>,
    width: usize,
) -> impl DoubleEndedIterator<Item = (usize, ArrayViewMut2<'a, Real>)> + ExactSizeIterator + Send {
    let firsts = (0..array.ncols()).step_by(width);
    firsts.zip(array.axis_chunks_iter_mut(Axis(1), width))
}

/// What stands in front of a layer: behind it, going back.
#[derive(Clone, Copy)]
struct Behind {
    activation: Option<Activation>,
    /// See [`Network::zeros_learn`].
    zeros_learn: bool,
}

/// Samples of a part, where they are what is shared out.
const ROWS: usize = 8;

/// Why weights and gradients are slices.
const ROW_MAJOR: &str = "weights and gradients are row-major";
