//! Mini-batches: the order of an epoch, and the gathering of its images.

use super::Readout;
use crate::data::Images;
use crate::data::batch::scale;
use crate::nn::Real;
use crate::rng::{self, Purpose};
use ndarray::{Array2, ArrayView2, s};
use rand::seq::SliceRandom;

/// Hands out the mini-batches of an epoch, gathered into buffers that are reused.
#[derive(Debug)]
pub(super) struct Feed {
    readout: Readout,
    seed: u64,
    /// Indices of training images in the order of the open epoch.
    order: Vec<u32>,
    /// Shape (batch, pixels).
    x: Array2<Real>,
    /// Shape (batch, outputs).
    y: Array2<Real>,
    rows: usize,
}

impl Feed {
    /// Mini-batches of `batch` of the first `samples` images; the epoch must be opened before.
    pub(super) fn new(
        images: &Images,
        samples: usize,
        batch: usize,
        outputs: usize,
        readout: Readout,
        seed: u64,
    ) -> Self {
        Self {
            readout,
            seed,
            order: (0..samples as u32).collect(),
            x: Array2::zeros((batch, images.pixels_per_image())),
            y: Array2::zeros((batch, outputs)),
            rows: 0,
        }
    }

    /// Mini-batches an epoch; the last one is short where the division leaves a rest.
    pub(super) fn batches(&self) -> usize {
        self.order.len().div_ceil(self.x.nrows())
    }

    /// Shuffles for an epoch, counted from 0. The order depends on seed and epoch alone, so a
    /// resumed run finds it again.
    pub(super) fn open(&mut self, epoch: u32) {
        self.order.iter_mut().zip(0..).for_each(|(slot, index)| *slot = index);
        let mut stream = rng::stream(self.seed, Purpose::Shuffle, u64::from(epoch), 0);
        self.order.shuffle(&mut stream);
    }

    /// Gathers a mini-batch of the open epoch and returns its number of images.
    pub(super) fn gather(&mut self, images: &Images, batch: usize) -> usize {
        let size = self.x.nrows();
        let picked = &self.order[batch * size..((batch + 1) * size).min(self.order.len())];
        self.rows = picked.len();
        for (row, &index) in picked.iter().enumerate() {
            let index = index as usize;
            scale(images.image(index), self.x.row_mut(row));
            self.readout.target(images.labels[index], self.y.row_mut(row));
        }
        self.rows
    }

    /// The inputs gathered last, shape (samples, pixels).
    pub(super) fn x(&self) -> ArrayView2<'_, Real> {
        self.x.slice(s![..self.rows, ..])
    }

    /// The outputs they ask for, shape (samples, outputs).
    pub(super) fn y(&self) -> ArrayView2<'_, Real> {
        self.y.slice(s![..self.rows, ..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(count: usize) -> Images {
        Images {
            width: 1,
            height: 1,
            pixels: (0..count).map(|i| i as u8).collect(),
            labels: (0..count).map(|i| (i % 3) as u8).collect(),
        }
    }

    fn epoch(feed: &mut Feed, images: &Images, epoch: u32) -> Vec<u8> {
        feed.open(epoch);
        let mut seen = Vec::new();
        for batch in 0..feed.batches() {
            feed.gather(images, batch);
            seen.extend(feed.x().iter().map(|&x| (x * 255.0).round() as u8));
        }
        seen
    }

    #[test]
    fn an_epoch_shows_every_image_once_in_an_order_of_its_own() {
        let images = images(23);
        let mut feed = Feed::new(&images, 23, 10, 3, Readout::OneHot, 1);
        assert_eq!(feed.batches(), 3);
        let (first, second) = (epoch(&mut feed, &images, 0), epoch(&mut feed, &images, 1));
        assert_ne!(first, second);
        assert_eq!(first, epoch(&mut feed, &images, 0), "an epoch's order can be found again");
        let mut sorted = first;
        sorted.sort_unstable();
        assert_eq!(sorted, images.pixels);
    }

    #[test]
    fn the_last_mini_batch_takes_the_rest() {
        let images = images(23);
        let mut feed = Feed::new(&images, 23, 10, 3, Readout::OneHot, 1);
        feed.open(0);
        assert_eq!([0, 1, 2].map(|batch| feed.gather(&images, batch)), [10, 10, 3]);
        assert_eq!(feed.x().dim(), (3, 1));
    }

    #[test]
    fn targets_belong_to_their_images() {
        let images = images(9);
        let mut feed = Feed::new(&images, 9, 9, 3, Readout::OneHot, 5);
        feed.open(2);
        feed.gather(&images, 0);
        for (x, y) in feed.x().rows().into_iter().zip(feed.y().rows()) {
            let index = (x[0] * 255.0).round() as usize;
            assert!((y[index % 3] - 1.0).abs() < 1e-6 && (y.sum() - 1.0).abs() < 1e-6);
        }
    }
}
