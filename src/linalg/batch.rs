//! A mini-batch of inputs, in the representation that the layer expects.

use super::Real;
use super::bytes::ByteRows;
use super::sparse::SparseRows;
use ndarray::{Array2, ArrayBase, ArrayView2, Ix2, ViewRepr, s};

/// [`ArrayView2`] with its element type spelled out, which makes [`Batch`] covariant: a batch of a
/// longer lifetime can be used where a shorter one is expected.
type RealView<'a> = ArrayBase<ViewRepr<&'a Real>, Ix2, Real>;

/// The inputs of a layer, one row per sample.
#[derive(Clone, Copy, Debug)]
pub enum Batch<'a> {
    /// Every value, shape (samples, inputs).
    Dense(RealView<'a>),
    /// The nonzero values.
    Sparse(&'a SparseRows),
    /// Pixels as bytes: byte b stands for the value b / 255.
    Bytes(&'a ByteRows),
}

/// The representation in which a layer expects its inputs. Every layer also accepts
/// [`Batch::Dense`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    Dense,
    /// Nonzero values with the offset of their weights, whose rows begin `stride` numbers apart.
    Sparse {
        stride: usize,
    },
    Bytes,
}

impl<'a> Batch<'a> {
    /// Number of rows.
    #[must_use]
    pub fn samples(self) -> usize {
        match self {
            Self::Dense(x) => x.nrows(),
            Self::Sparse(rows) => rows.rows(),
            Self::Bytes(rows) => rows.samples(),
        }
    }

    /// The values of a batch, for a layer that expects [`InputKind::Dense`].
    ///
    /// # Panics
    /// If the batch has another representation.
    #[must_use]
    pub fn dense(self) -> ArrayView2<'a, Real> {
        match self {
            Self::Dense(x) => x,
            _ => panic!("this layer reads dense inputs only"),
        }
    }
}

impl<'a> From<ArrayView2<'a, Real>> for Batch<'a> {
    fn from(x: ArrayView2<'a, Real>) -> Self {
        Self::Dense(x)
    }
}

/// Converts images into a [`Batch`], in buffers that are reused for every batch.
#[derive(Debug)]
pub(crate) struct BatchBuffer {
    kind: InputKind,
    samples: usize,
    /// Shape (capacity, inputs); allocated on first use.
    dense: Array2<Real>,
    sparse: SparseRows,
    bytes: ByteRows,
}

impl Default for BatchBuffer {
    fn default() -> Self {
        Self {
            kind: InputKind::Dense,
            samples: 0,
            dense: Array2::default((0, 0)),
            sparse: SparseRows::default(),
            bytes: ByteRows::default(),
        }
    }
}

impl BatchBuffer {
    /// Removes all samples, and reserves memory for `samples` of `inputs` values each.
    pub(crate) fn clear(&mut self, kind: InputKind, samples: usize, inputs: usize) {
        self.kind = kind;
        self.samples = 0;
        match kind {
            InputKind::Dense => {
                if self.dense.nrows() < samples || self.dense.ncols() != inputs {
                    self.dense = Array2::zeros((samples, inputs));
                }
            }
            InputKind::Sparse { .. } => self.sparse.clear(samples * inputs),
            InputKind::Bytes => self.bytes.clear(samples, inputs),
        }
    }

    /// Adds a sample of one pixel per input; pixel p is the input value p / 255.
    pub(crate) fn push(&mut self, pixels: &[u8]) {
        match self.kind {
            InputKind::Dense => self.push_dense(pixels),
            InputKind::Sparse { stride } => self.sparse.push_bytes(pixels, stride),
            InputKind::Bytes => self.bytes.push((0..).zip(pixels.iter().copied())),
        }
        self.samples += 1;
    }

    /// Adds a sample given by its nonzero pixels and their indices.
    pub(crate) fn push_nonzero(&mut self, indices: &[u16], pixels: &[u8]) {
        let pairs = indices.iter().map(|&index| usize::from(index)).zip(pixels.iter().copied());
        match self.kind {
            InputKind::Dense => {
                let mut row = self.dense.row_mut(self.samples);
                row.fill(0.0);
                pairs.for_each(|(index, pixel)| row[index] = number(pixel));
            }
            InputKind::Sparse { stride } => self.sparse.push_nonzero(indices, pixels, stride),
            InputKind::Bytes => self.bytes.push(pairs),
        }
        self.samples += 1;
    }

    fn push_dense(&mut self, pixels: &[u8]) {
        let mut row = self.dense.row_mut(self.samples);
        let row = row.as_slice_mut().expect("rows in standard layout are contiguous");
        row.iter_mut().zip(pixels).for_each(|(x, &pixel)| *x = number(pixel));
    }

    /// The samples added since [`BatchBuffer::clear`].
    pub(crate) fn batch(&self) -> Batch<'_> {
        match self.kind {
            InputKind::Dense => Batch::Dense(self.dense.slice(s![..self.samples, ..])),
            InputKind::Sparse { .. } => Batch::Sparse(&self.sparse),
            InputKind::Bytes => Batch::Bytes(&self.bytes),
        }
    }
}

/// The input value of a pixel, from 0 (background) to 1 (ink).
fn number(pixel: u8) -> Real {
    Real::from(pixel) * Real::from(255_u8).recip()
}
