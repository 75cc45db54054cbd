//! Images without their background.

use super::Images;

/// The pixels of images that are not background, each by its place and its value: of MNIST one in
/// five. A third of the room that the images take beside it, and nothing to look through.
#[derive(Clone, Debug)]
pub struct Ink {
    /// If each image begins; one more for the end.
    starts: Vec<u32>,
    places: Vec<u16>,
    values: Vec<u8>,
}

impl Ink {
    /// Of the first `count` images; `None` if they are too large or too many to be numbered so.
    #[must_use]
    pub fn of(images: &Images, count: usize) -> Option<Self> {
        let size = images.pixels_per_image();
        if size > 1 << 16 || u32::try_from(size * count).is_err() {
            return None;
        }
        let mut ink =
            Self { starts: Vec::with_capacity(count + 1), places: Vec::new(), values: Vec::new() };
        ink.starts.push(0);
        for index in 0..count {
            ink.push(images.image(index));
        }
        Some(ink)
    }

    fn push(&mut self, image: &[u8]) {
        for (group, pixels) in image.chunks(8).enumerate() {
            if pixels == &[0; 8][..pixels.len()] {
                continue;
            }
            for (lane, &pixel) in pixels.iter().enumerate().filter(|(_, pixel)| **pixel != 0) {
                self.places.push((8 * group + lane) as u16);
                self.values.push(pixel);
            }
        }
        self.starts.push(self.places.len() as u32);
    }

    /// The places and the values of an image's ink.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    pub fn image(&self, index: usize) -> (&[u16], &[u8]) {
        let [start, end] = [self.starts[index] as usize, self.starts[index + 1] as usize];
        (&self.places[start..end], &self.values[start..end])
    }

    /// Asks for an image to be in the processor's cache soon.
    pub(crate) fn prefetch(&self, index: usize) {
        let (places, values) = self.image(index);
        prefetch(places);
        prefetch(values);
    }
}

/// Asks for numbers to be in the processor's cache soon.
pub(super) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(64 / size_of::<T>()) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint that reads nothing, of an address that is there.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_that_is_not_background_is_kept() {
        let pixels: Vec<u8> = (0..3 * 25).map(|at| if at % 4 == 1 { at } else { 0 }).collect();
        let images = Images { width: 5, height: 5, channels: 1, pixels, labels: vec![0; 3] };
        let ink = Ink::of(&images, 3).unwrap();
        for index in 0..3 {
            let mut drawn = vec![0; 25];
            let (places, values) = ink.image(index);
            assert!(!values.contains(&0));
            for (&place, &value) in places.iter().zip(values) {
                drawn[usize::from(place)] = value;
            }
            assert_eq!(drawn, images.image(index));
        }
        assert!(Ink::of(&Images { width: 300, height: 300, ..Images::default() }, 0).is_none());
    }
}
