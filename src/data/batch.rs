//! Converts images and labels from bytes to the rows of a mini-batch.

use super::Images;
use ndarray::{ArrayViewMut1, ArrayViewMut2, NdFloat};

/// Copies the images of `indices` into the rows of `x`, scaled from 0 (background) to 1 (ink). `x`
/// has the shape (indices, pixels per image) and contiguous rows. Allocates nothing.
///
/// # Panics
/// If the shape of `x` is wrong or an index is out of range.
pub fn gather<T: NdFloat + From<u8>>(images: &Images, indices: &[u32], mut x: ArrayViewMut2<T>) {
    assert_eq!(x.nrows(), indices.len(), "one row per image");
    for (row, &index) in x.rows_mut().into_iter().zip(indices) {
        scale(images.image(index as usize), row);
    }
}

/// Copies consecutive images, starting at `first`, into the rows of `x`, as [`gather`] does.
///
/// # Panics
/// As [`gather`].
pub fn gather_from<T: NdFloat + From<u8>>(images: &Images, first: usize, mut x: ArrayViewMut2<T>) {
    for (offset, row) in x.rows_mut().into_iter().enumerate() {
        scale(images.image(first + offset), row);
    }
}

/// Scales bytes from 0 to 255 to numbers from 0 to 1.
///
/// # Panics
/// If `row` is not as long as `pixels`, or not contiguous.
pub fn scale<T: NdFloat + From<u8>>(pixels: &[u8], row: ArrayViewMut1<T>) {
    let row = row.into_slice().expect("rows of a batch are contiguous");
    assert_eq!(row.len(), pixels.len(), "one value per pixel");
    let unit = <T as From<u8>>::from(255).recip();
    for (value, &pixel) in row.iter_mut().zip(pixels) {
        *value = <T as From<u8>>::from(pixel) * unit;
    }
}

/// Writes the one-hot targets of labels. `y` has the shape (labels, classes).
///
/// # Panics
/// If a row is missing or a label is not less than the number of classes.
pub fn one_hot<T: NdFloat>(labels: impl IntoIterator<Item = u8>, mut y: ArrayViewMut2<T>) {
    y.fill(T::zero());
    let mut rows = y.rows_mut().into_iter();
    for label in labels {
        let mut row = rows.next().expect("one row per label");
        row[usize::from(label)] = T::one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    fn images() -> Images {
        Images {
            width: 2,
            height: 1,
            channels: 1,
            pixels: vec![0, 255, 51, 102, 153, 204],
            labels: vec![0, 1, 2],
        }
    }

    #[test]
    fn rows_are_in_the_requested_order_and_scaled_to_1() {
        let mut x = Array2::<f32>::zeros((2, 2));
        gather(&images(), &[2, 0], x.view_mut());
        assert!((&x - &array![[0.6, 0.8], [0.0, 1.0]]).iter().all(|d| d.abs() < 1e-6), "{x}");
        assert!(x[[1, 1]] <= 1.0);
        let mut wide = Array2::<f64>::zeros((2, 2));
        gather_from(&images(), 1, wide.view_mut());
        assert!(
            (&wide - &array![[0.2, 0.4], [0.6, 0.8]]).iter().all(|d| d.abs() < 1e-12),
            "{wide}"
        );
    }

    #[test]
    fn labels_become_one_hot_rows() {
        let mut y = Array2::<f32>::ones((2, 3));
        one_hot([2, 0], y.view_mut());
        assert_eq!(y, array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
    }
}
