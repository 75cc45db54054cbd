//! Memory aligned to cache lines. Loading a vector that crosses a cache line takes twice as long,
//! storing one even longer.

use super::Real;
use super::simd::LANES;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use serde::{Deserialize, Serialize};

/// Numbers per cache line.
const LINE: usize = 2 * LANES;

/// A cache line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
struct CacheLine([Real; LINE]);

fn numbers(lines: &[CacheLine]) -> &[Real] {
    // SAFETY: a line is exactly an array of `LINE` numbers: it is `repr(C)`, and its size equals
    // its alignment, so there is no padding.
    unsafe { std::slice::from_raw_parts(lines.as_ptr().cast(), lines.len() * LINE) }
}

fn numbers_mut(lines: &mut [CacheLine]) -> &mut [Real] {
    // SAFETY: as in `numbers`.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast(), lines.len() * LINE) }
}

/// A row-major matrix whose rows are aligned to cache lines and padded with zeros to whole lines.
/// Serialized without the padding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Array2<Real>", into = "Array2<Real>")]
pub struct Matrix {
    lines: Vec<CacheLine>,
    rows: usize,
    columns: usize,
}

impl Matrix {
    /// A matrix of zeros.
    #[must_use]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        let lines = vec![CacheLine::default(); rows * columns.div_ceil(LINE)];
        Self { lines, rows, columns }
    }

    /// Fills the matrix row by row.
    #[must_use]
    pub fn from_simple_fn(rows: usize, columns: usize, mut value: impl FnMut() -> Real) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        matrix.view_mut().iter_mut().for_each(|number| *number = value());
        matrix
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns, without padding.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of elements, without padding.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows * self.columns
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The distance between the starts of consecutive rows, in numbers.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.columns.next_multiple_of(LINE)
    }

    /// The elements without the padding, shape (rows, columns).
    ///
    /// # Panics
    /// Never: the number of lines matches the shape.
    #[must_use]
    pub fn view(&self) -> ArrayView2<'_, Real> {
        let shape = (self.rows, self.stride());
        let padded = ArrayView2::from_shape(shape, self.padded()).expect(SHAPE);
        padded.slice_move(s![.., ..self.columns])
    }

    /// The mutable version of [`Matrix::view`].
    ///
    /// # Panics
    /// Never, as [`Matrix::view`].
    #[must_use]
    pub fn view_mut(&mut self) -> ArrayViewMut2<'_, Real> {
        let (shape, columns) = ((self.rows, self.stride()), self.columns);
        let padded = ArrayViewMut2::from_shape(shape, self.padded_mut()).expect(SHAPE);
        padded.slice_move(s![.., ..columns])
    }

    /// All rows with their padding.
    #[must_use]
    pub fn padded(&self) -> &[Real] {
        numbers(&self.lines)
    }

    /// The mutable version of [`Matrix::padded`]; the padding must stay zero.
    pub(crate) fn padded_mut(&mut self) -> &mut [Real] {
        numbers_mut(&mut self.lines)
    }
}

/// `expect` message: why the lines have the shape of the matrix.
const SHAPE: &str = "the number of lines matches the shape";

impl From<Array2<Real>> for Matrix {
    fn from(array: Array2<Real>) -> Self {
        let mut matrix = Self::zeros(array.nrows(), array.ncols());
        matrix.view_mut().assign(&array);
        matrix
    }
}

impl From<Matrix> for Array2<Real> {
    fn from(matrix: Matrix) -> Self {
        matrix.view().to_owned()
    }
}

/// A buffer aligned to cache lines that is reused without reallocation.
#[derive(Clone, Debug, Default)]
pub(crate) struct AlignedBuffer(Vec<CacheLine>);

impl AlignedBuffer {
    /// A slice of `count` numbers; their values are unspecified.
    pub(crate) fn slice_mut(&mut self, count: usize) -> &mut [Real] {
        let lines = count.div_ceil(LINE);
        if self.0.len() < lines {
            self.0.resize(lines, CacheLine::default());
        }
        &mut numbers_mut(&mut self.0)[..count]
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "values are copied, not computed")]
mod tests {
    use super::*;

    #[test]
    fn rows_are_aligned_and_values_survive_the_conversion() {
        for columns in [1, 7, 8, 16, 30, 100] {
            let values = Array2::from_shape_fn((5, columns), |(row, at)| (9 * row + at) as Real);
            let mut matrix = Matrix::from(values.clone());
            let stride = matrix.stride();
            assert_eq!(matrix.padded().as_ptr().addr() % 64, 0);
            assert_eq!((stride * size_of::<Real>()) % 64, 0);
            assert_eq!(matrix.padded()[2 * stride..][..columns], values.row(2).to_vec());
            assert!(matrix.padded()[2 * stride..][columns..stride].iter().all(|&pad| pad == 0.0));
            assert_eq!(Array2::from(matrix.clone()), values);
            matrix.view_mut()[[4, columns - 1]] = -1.0;
            assert_eq!(matrix.view()[[4, columns - 1]], -1.0);
            assert_ne!(matrix, Matrix::from(values));
        }
        assert!(Matrix::zeros(0, 3).view().is_empty());
    }

    #[test]
    fn a_matrix_is_serialized_like_an_array() {
        let values = Array2::from_shape_fn((3, 5), |(row, at)| (9 * row + at) as Real);
        let matrix = Matrix::from(values.clone());
        let bytes = postcard::to_stdvec(&matrix).unwrap();
        assert_eq!(bytes, postcard::to_stdvec(&values).unwrap());
        assert_eq!(postcard::from_bytes::<Matrix>(&bytes).unwrap(), matrix);
    }

    #[test]
    fn a_buffer_is_reused_without_reallocation() {
        let mut buffer = AlignedBuffer::default();
        buffer.slice_mut(100).fill(1.0);
        assert_eq!(buffer.slice_mut(33).len(), 33);
        assert_eq!(buffer.slice_mut(33).as_ptr().addr() % 64, 0);
        assert_eq!(buffer.slice_mut(100)[99], 1.0);
    }
}
