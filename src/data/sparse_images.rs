//! A sparse copy of images.

use super::Images;

/// The nonzero pixels of images (a fifth of MNIST's), each with its index and value, so that zeros need
/// not be read again in every epoch. Takes 3 bytes per nonzero pixel.
#[derive(Clone, Debug)]
pub struct SparseImages {
    /// Where each image starts; the last element is the end.
    starts: Vec<u32>,
    indices: Vec<u16>,
    values: Vec<u8>,
}

impl SparseImages {
    /// Converts the first `count` images; `None` if the indices would overflow.
    #[must_use]
    pub fn of(images: &Images, count: usize) -> Option<Self> {
        let size = images.pixels_per_image();
        if size > 1 << 16 || u32::try_from(size * count).is_err() {
            return None;
        }
        let mut sparse =
            Self { starts: Vec::with_capacity(count + 1), indices: Vec::new(), values: Vec::new() };
        sparse.starts.push(0);
        for index in 0..count {
            sparse.push(images.image(index));
        }
        Some(sparse)
    }

    fn push(&mut self, image: &[u8]) {
        for (group, pixels) in image.chunks(8).enumerate() {
            if pixels == &[0; 8][..pixels.len()] {
                continue;
            }
            for (lane, &pixel) in pixels.iter().enumerate().filter(|(_, pixel)| **pixel != 0) {
                self.indices.push((8 * group + lane) as u16);
                self.values.push(pixel);
            }
        }
        self.starts.push(self.indices.len() as u32);
    }

    /// The indices and values of an image's nonzero pixels.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn image(&self, index: usize) -> (&[u16], &[u8]) {
        let [start, end] = [self.starts[index] as usize, self.starts[index + 1] as usize];
        (&self.indices[start..end], &self.values[start..end])
    }

    /// Prefetches an image into the processor's cache.
    pub(crate) fn prefetch(&self, index: usize) {
        let (indices, values) = self.image(index);
        prefetch(indices);
        prefetch(values);
    }
}

/// Prefetches values into the processor's cache.
pub(super) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(64 / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch is a hint without side effects, and the address is valid.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_nonzero_pixels_are_kept() {
        let pixels: Vec<u8> = (0..3 * 25).map(|at| if at % 4 == 1 { at } else { 0 }).collect();
        let images = Images { width: 5, height: 5, channels: 1, pixels, labels: vec![0; 3] };
        let sparse = SparseImages::of(&images, 3).unwrap();
        for index in 0..3 {
            let mut drawn = vec![0; 25];
            let (indices, values) = sparse.image(index);
            assert!(!values.contains(&0));
            for (&index, &value) in indices.iter().zip(values) {
                drawn[usize::from(index)] = value;
            }
            assert_eq!(drawn, images.image(index));
        }
        assert!(
            SparseImages::of(&Images { width: 300, height: 300, ..Images::default() }, 0).is_none()
        );
    }
}
