//! Decodes many pictures to one size and number of channels, on all processor cores.

use super::options::OpenOptions;
use crate::data::DataError;
use crate::data::decode::{DecodeError, DecodedRaster};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Number of pictures sampled to choose size and colour.
pub(super) const SAMPLE: usize = 500;
/// Number of pictures that a thread decodes at a time.
const BLOCK: usize = 32;
/// Maximum size of the pixels of one data set in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// Files may decode to this many bytes regardless of their size.
const DECODED_FREELY: u64 = 64 << 20;
/// Larger totals are limited to this many times the size of the files, to stop decompression bombs.
const MAX_GROWTH: u64 = 300;

/// Common size and number of channels of all pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PictureDimensions {
    /// Width and height in pixels.
    pub size: (usize, usize),
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
}

/// All pictures that could be decoded.
#[derive(Debug, Default)]
pub(super) struct DecodedPictures {
    /// Picture after picture.
    pub pixels: Vec<u8>,
    /// The indices of the pictures that could be decoded.
    pub whole: Vec<usize>,
    /// The indices of the others, and why.
    pub broken: Vec<(usize, String)>,
    /// Number of pictures that had another size.
    pub resized: usize,
}

impl PictureDimensions {
    /// The requested size, or the commonest of a sample (the smallest if tied); colour if any of
    /// the sample has colour. `None` if none can be decoded.
    pub fn of(
        sample: impl Iterator<Item = Result<DecodedRaster, DecodeError>>,
        options: &OpenOptions,
    ) -> Option<Self> {
        let mut sizes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let mut colour = false;
        for raster in sample.flatten() {
            *sizes.entry((raster.width, raster.height)).or_default() += 1;
            colour |= !raster.is_grey();
        }
        let most = *sizes.values().max()?;
        let commonest =
            sizes.into_iter().find(|(_, count)| *count == most).map(|(size, _)| size)?;
        Some(Self { size: options.size.unwrap_or(commonest), channels: if colour { 3 } else { 1 } })
    }

    /// Bytes per decoded picture.
    pub fn bytes(self) -> usize {
        self.size.0 * self.size.1 * self.channels
    }

    /// Rejects too many pixels before memory is allocated.
    ///
    /// # Errors
    /// If this many pictures, of `packed` bytes in total, would take too much memory.
    pub fn check(self, file: &Path, pictures: usize, packed: u64) -> Result<(), DataError> {
        let bytes = pictures as u64 * self.bytes() as u64;
        let limit = MAX_BYTES.min(DECODED_FREELY.max(packed.saturating_mul(MAX_GROWTH)));
        if bytes > limit {
            return Err(DataError::TooLarge { file: file.into(), bytes, limit });
        }
        Ok(())
    }

    /// Decodes every item. `None` if one is coloured although the sample was grey; the plan must
    /// then be changed to colour.
    pub fn decode<T: Sync>(
        self,
        items: &[T],
        decode: impl Fn(&T) -> Result<DecodedRaster, DecodeError> + Sync,
        options: &OpenOptions,
    ) -> Option<DecodedPictures> {
        let (size, total) = (self.bytes(), items.len());
        let mut pixels = vec![0; items.len() * size];
        let mut problems: Vec<Option<String>> = vec![None; items.len()];
        let (done, resized) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let colour = AtomicBool::new(false);
        let blocks = items
            .chunks(BLOCK)
            .zip(pixels.chunks_mut(BLOCK * size))
            .zip(problems.chunks_mut(BLOCK));
        let blocks = Mutex::new(blocks);
        let work = || loop {
            // No holder of this lock can panic.
            let block = blocks.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(((items, pixels), problems)) = block else { break };
            let targets = pixels.chunks_mut(size).zip(problems);
            for (item, (target, problem)) in items.iter().zip(targets) {
                match decode(item) {
                    Ok(raster) => {
                        let other = (raster.width, raster.height) != self.size;
                        resized.fetch_add(usize::from(other), Ordering::Relaxed);
                        if self.channels == 1 && !raster.is_grey() {
                            colour.store(true, Ordering::Relaxed);
                        }
                        target.copy_from_slice(&raster.pixels_as(self.channels, self.size));
                    }
                    Err(error) => *problem = Some(error.to_string()),
                }
            }
            let done = done.fetch_add(items.len(), Ordering::Relaxed) + items.len();
            if let Some(progress) = options.progress {
                progress(done, total);
            }
            if colour.load(Ordering::Relaxed) {
                break;
            }
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 1..threads.min(items.len().div_ceil(BLOCK)) {
                scope.spawn(work);
            }
            work();
        });
        if colour.into_inner() {
            return None;
        }
        let mut decoded =
            DecodedPictures { resized: resized.into_inner(), ..DecodedPictures::default() };
        for (index, problem) in problems.into_iter().enumerate() {
            match problem {
                Some(problem) => decoded.broken.push((index, problem)),
                None => decoded.whole.push(index),
            }
        }
        if !decoded.broken.is_empty() {
            for (to, &from) in decoded.whole.iter().enumerate() {
                pixels.copy_within(from * size..(from + 1) * size, to * size);
            }
            pixels.truncate(decoded.whole.len() * size);
        }
        decoded.pixels = pixels;
        Some(decoded)
    }
}

/// The note about resized pictures.
pub(super) fn resized_note(
    resized: usize,
    all: usize,
    plan: PictureDimensions,
    options: &OpenOptions,
) -> Option<String> {
    let (width, height) = plan.size;
    let why = if options.size.is_some() { "" } else { ", the commonest size" };
    (resized > 0).then(|| {
        format!("{resized} of {all} pictures were resized to {width}×{height}{why}; override with --size WxH")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raster(side: usize, rgb: [u8; 3]) -> DecodedRaster {
        DecodedRaster { width: side, height: side, channels: 3, pixels: rgb.repeat(side * side) }
    }

    #[test]
    fn the_commonest_size_is_chosen_and_colour_detected() {
        let sample = || [2, 3, 3, 5].map(|side| Ok(raster(side, [7; 3]))).into_iter();
        let plain = OpenOptions::default();
        assert_eq!(
            PictureDimensions::of(sample(), &plain),
            Some(PictureDimensions { size: (3, 3), channels: 1 })
        );
        let colour = sample().chain([Ok(raster(2, [1, 2, 3]))]);
        assert_eq!(
            PictureDimensions::of(colour, &plain),
            Some(PictureDimensions { size: (2, 2), channels: 3 })
        );
        let asked = OpenOptions { size: Some((9, 8)), ..plain };
        assert_eq!(PictureDimensions::of(sample(), &asked).unwrap().size, (9, 8));
        assert_eq!(PictureDimensions::of(std::iter::empty(), &asked), None);
    }

    #[test]
    fn broken_pictures_are_skipped_and_the_order_is_kept() {
        let plan = PictureDimensions { size: (1, 1), channels: 1 };
        let items: Vec<u8> = (0..200).collect();
        let decode = |item: &u8| match item {
            7 | 150 => Err(DecodeError::Empty { width: 0, height: 0 }),
            shade => Ok(raster(1 + usize::from(shade % 2), [*shade; 3])),
        };
        let decoded = plan.decode(&items, decode, &OpenOptions::default()).unwrap();
        let kept: Vec<u8> = items.iter().copied().filter(|item| ![7, 150].contains(item)).collect();
        assert_eq!(decoded.pixels, kept);
        assert_eq!(decoded.whole.len(), 198);
        assert_eq!(decoded.broken.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [7, 150]);
        assert_eq!(decoded.resized, 99);
        let colour = |item: &u8| Ok(raster(1, [*item, 1, 1]));
        assert!(plan.decode(&items, colour, &OpenOptions::default()).is_none());
    }

    #[test]
    fn too_many_pixels_are_an_error_before_allocation() {
        let plan = PictureDimensions { size: (4000, 4000), channels: 3 };
        assert!(plan.check("folder".as_ref(), 1, 1000).is_ok());
        let error = plan.check("folder".as_ref(), 50, 800_000).unwrap_err().to_string();
        assert!(error.contains("folder") && error.contains("--size"), "{error}");
    }
}
