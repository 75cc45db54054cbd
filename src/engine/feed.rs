//! Mini-batches: the order of an epoch, and the gathering of its images.

use super::{Expansion, Readout, Spec};
use crate::data::augment::{Augmenter, SHIFTS};
use crate::data::batch::scale;
use crate::data::{Images, Ink};
use crate::nn::{Listing, Real};
use crate::rng::{self, Purpose, Stream};
use ndarray::{Array2, ArrayView2, s};
use rand::seq::SliceRandom;

/// Hands out the mini-batches of an epoch, gathered into buffers that are reused.
#[derive(Debug)]
pub(super) struct Feed {
    readout: Readout,
    seed: u64,
    /// Training images used, the first ones; each may stand for several copies.
    images: usize,
    /// Copies of training images in the order of the open epoch: copy c of image i is i + c n.
    order: Vec<u32>,
    opened: Option<u32>,
    changer: Option<Changer>,
    /// The images once more, for a network that is told of nothing else.
    ink: Option<Ink>,
    /// Shape (batch, pixels).
    x: Array2<Real>,
    /// Shape (batch, outputs).
    y: Array2<Real>,
    rows: usize,
}

/// Changes copies of images as the spec's expansions say, one at a time: never all in memory.
#[derive(Debug)]
struct Changer {
    expansions: Vec<Expansion>,
    augmenter: Augmenter,
    pixels: Vec<u8>,
}

impl Changer {
    /// Copy number `copy` of an image; what is random in it is drawn from `stream`.
    fn change(&mut self, image: &[u8], copy: usize, stream: &mut Stream) -> &[u8] {
        self.pixels.copy_from_slice(image);
        if let Some((right, down)) = copy.checked_sub(1).map(|copy| SHIFTS[copy]) {
            self.augmenter.shift(&mut self.pixels, right, down);
        }
        for expansion in &self.expansions {
            match *expansion {
                Expansion::Shifts => {}
                Expansion::Rotation(degrees) => {
                    self.augmenter.rotate(&mut self.pixels, degrees, stream);
                }
                Expansion::Elastic { alpha, sigma } => {
                    self.augmenter.distort(&mut self.pixels, alpha, sigma, stream);
                }
            }
        }
        &self.pixels
    }
}

impl Feed {
    /// Mini-batches of a spec's training images, for a network with so many outputs.
    pub(super) fn new(spec: &Spec, images: &Images, outputs: usize) -> Self {
        let count = spec.train_size.map_or(images.len(), |size| images.len().min(size as usize));
        let copies = if spec.expand.contains(&Expansion::Shifts) { 1 + SHIFTS.len() } else { 1 };
        let changer = (!spec.expand.is_empty()).then(|| Changer {
            expansions: spec.expand.clone(),
            augmenter: Augmenter::new(images.width, images.height),
            pixels: vec![0; images.pixels_per_image()],
        });
        let batch = spec.batch as usize;
        Self {
            readout: spec.readout,
            seed: spec.seed,
            images: count,
            order: vec![0; count * copies],
            opened: None,
            changer,
            ink: None,
            x: Array2::zeros((batch, images.pixels_per_image())),
            y: Array2::zeros((batch, outputs)),
            rows: 0,
        }
    }

    /// Gets ready to list images that are never changed faster: finds their ink beforehand.
    pub(super) fn find_ink(&mut self, images: &Images) {
        if self.changer.is_none() {
            self.ink = Ink::of(images, self.images);
        }
    }

    /// Training images used, without copies.
    pub(super) fn images(&self) -> usize {
        self.images
    }

    /// The book's n: training images an epoch shows, copies included.
    pub(super) fn samples(&self) -> usize {
        self.order.len()
    }

    /// Mini-batches an epoch; the last one is short where the division leaves a rest.
    pub(super) fn batches(&self) -> usize {
        self.order.len().div_ceil(self.x.nrows())
    }

    /// Shuffles for an epoch, counted from 0, unless it is open. The order depends on seed and
    /// epoch alone, so a resumed run finds it again.
    fn open(&mut self, epoch: u32) {
        if self.opened.replace(epoch) == Some(epoch) {
            return;
        }
        self.order.iter_mut().zip(0..).for_each(|(slot, index)| *slot = index);
        let mut stream = rng::stream(self.seed, Purpose::Shuffle, u64::from(epoch), 0);
        self.order.shuffle(&mut stream);
    }

    /// Gathers a mini-batch of an epoch and returns its number of images. Where there is a listing
    /// the inputs go there, and [`Feed::x`] has no more than the right number of rows.
    pub(super) fn gather(
        &mut self,
        images: &Images,
        epoch: u32,
        batch: usize,
        mut listing: Option<Listing>,
    ) -> usize {
        self.open(epoch);
        let size = self.x.nrows();
        let first = batch * size;
        let picked = &self.order[first..(first + size).min(self.order.len())];
        self.rows = picked.len();
        for (row, &place) in picked.iter().enumerate() {
            let (index, copy) = (place as usize % self.images, place as usize / self.images);
            let later = self.order.get(first + size + row).map(|&c| c as usize % self.images);
            if let (Some(listing), Some(ink)) = (&mut listing, &self.ink) {
                let (places, values) = ink.image(index);
                listing.push_ink(places, values);
                later.inspect(|&later| ink.prefetch(later));
                self.readout.target(images.labels[index], self.y.row_mut(row));
                continue;
            }
            // The images of a mini-batch lie anywhere: memory would be waited for.
            later.inspect(|&later| images.prefetch(later));
            let image = images.image(index);
            let pixels = match &mut self.changer {
                None => image,
                Some(changer) => {
                    let step = (first + row) as u64;
                    let epoch = u64::from(epoch);
                    let mut stream = rng::stream(self.seed, Purpose::Augmentation, epoch, step);
                    changer.change(image, copy, &mut stream)
                }
            };
            match &mut listing {
                Some(listing) => listing.push(pixels),
                None => scale(pixels, self.x.row_mut(row)),
            }
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

    fn feed(images: &Images, expand: Vec<Expansion>) -> Feed {
        let spec = Spec { batch: 10, expand, ..Spec::default() };
        Feed::new(&spec, images, 3)
    }

    fn epoch(feed: &mut Feed, images: &Images, epoch: u32) -> Vec<u8> {
        let mut seen = Vec::new();
        for batch in 0..feed.batches() {
            feed.gather(images, epoch, batch, None);
            seen.extend(feed.x().iter().map(|&x| (x * 255.0).round() as u8));
        }
        seen
    }

    #[test]
    fn an_epoch_shows_every_image_once_in_an_order_of_its_own() {
        let images = images(23);
        let mut feed = feed(&images, Vec::new());
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
        let mut feed = feed(&images, Vec::new());
        assert_eq!([0, 1, 2].map(|batch| feed.gather(&images, 0, batch, None)), [10, 10, 3]);
        assert_eq!(feed.x().dim(), (3, 1));
    }

    #[test]
    fn targets_belong_to_their_images() {
        let images = images(9);
        let mut feed = feed(&images, Vec::new());
        feed.gather(&images, 2, 0, None);
        for (x, y) in feed.x().rows().into_iter().zip(feed.y().rows()) {
            let index = (x[0] * 255.0).round() as usize;
            assert!((y[index % 3] - 1.0).abs() < 1e-6 && (y.sum() - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn shifts_show_every_image_and_its_four_neighbours() {
        let mut pixels = vec![0; 9];
        pixels[4] = 200;
        let images = Images { width: 3, height: 3, pixels, labels: vec![1] };
        let mut feed = feed(&images, vec![Expansion::Shifts]);
        assert_eq!((feed.samples(), feed.images(), feed.batches()), (5, 1, 1));
        feed.gather(&images, 0, 0, None);
        let mut bright: Vec<usize> = feed
            .x()
            .rows()
            .into_iter()
            .map(|x| x.iter().position(|&pixel| pixel > 0.5).unwrap())
            .collect();
        bright.sort_unstable();
        assert_eq!(bright, [1, 3, 4, 5, 7]);
    }

    #[test]
    fn random_changes_differ_by_epoch_and_can_be_found_again() {
        let pixels = (0..16 * 10).map(|i| (i * 37 % 256) as u8).collect();
        let images = Images { width: 4, height: 4, pixels, labels: vec![0; 10] };
        let expand = vec![Expansion::Rotation(30.0), Expansion::Elastic { alpha: 4.0, sigma: 1.0 }];
        let mut feed = feed(&images, expand);
        let (first, second) = (epoch(&mut feed, &images, 0), epoch(&mut feed, &images, 1));
        assert_ne!(first, second);
        assert_eq!(first, epoch(&mut feed, &images, 0));
    }
}
