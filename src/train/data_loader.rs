//! Loads mini-batches: shuffles every epoch, and gathers and augments images.

use crate::data::augment::{ImageTransform, SHIFTS};
use crate::data::{Images, SparseImages};
use crate::linalg::BatchBuffer;
use crate::nn::{Batch, InputKind, Real};
use crate::rng;
use crate::rng::{Purpose, Stream};
use crate::spec::{Expansion, Readout, Spec};
use ndarray::{Array2, ArrayView2, s};
use rand::seq::SliceRandom;
use std::mem::swap;
use std::ops::Range;

/// The epoch of a mini-batch, counted from 0, and its index in the epoch.
pub(super) type BatchIndex = (u32, usize);

/// Gathers the mini-batches of an epoch into reused buffers.
#[derive(Debug)]
pub(super) struct DataLoader {
    source: SampleSource,
    now: MiniBatch,
    /// Prefetched while the current one is trained on.
    next: MiniBatch,
}

/// A mini-batch.
#[derive(Debug)]
pub(super) struct MiniBatch {
    /// Its index and the representation of its inputs.
    contents: Option<(BatchIndex, InputKind)>,
    inputs: BatchBuffer,
    /// Shape (batch, outputs).
    y: Array2<Real>,
    samples: usize,
}

/// The training images and their order.
#[derive(Debug)]
struct SampleSource {
    readout: Readout,
    seed: u64,
    batch: usize,
    /// Number of training images used. With shifted copies, every epoch contains each image several
    /// times.
    images: usize,
    /// The shuffled copies of the training images: copy c of image i is i + c · `images`.
    order: Vec<u32>,
    /// The epoch, counted from 0, that `order` was shuffled for.
    opened: Option<u32>,
    augmenter: Option<Augmenter>,
    /// The nonzero pixels of the images, for networks with sparse inputs.
    sparse: Option<SparseImages>,
}

/// A mini-batch that can be prefetched on any thread.
pub(super) struct PrefetchTask<'a> {
    source: &'a mut SampleSource,
    mini_batch: &'a mut MiniBatch,
    images: &'a Images,
    contents: (BatchIndex, InputKind),
}

/// Applies the spec's expansions to one image at a time.
#[derive(Debug)]
struct Augmenter {
    expansions: Vec<Expansion>,
    transform: ImageTransform,
    pixels: Vec<u8>,
}

impl Augmenter {
    /// Augments copy number `copy` of an image with random numbers from `stream`.
    fn change(&mut self, image: &[u8], copy: usize, stream: &mut Stream) -> &[u8] {
        self.pixels.copy_from_slice(image);
        self.transform.begin();
        if let Some((right, down)) = copy.checked_sub(1).map(|copy| SHIFTS[copy]) {
            self.transform.shift(right, down);
        }
        for expansion in &self.expansions {
            match *expansion {
                Expansion::Shifts => {}
                Expansion::Rotation(degrees) => self.transform.rotate(degrees, stream),
                Expansion::Scaling(fraction) => self.transform.scale(fraction, stream),
                Expansion::Translation(pixels) => self.transform.translate(pixels, stream),
                Expansion::Elastic { alpha, sigma } => {
                    self.transform.distort(alpha, sigma, stream);
                }
            }
        }
        self.transform.apply(&mut self.pixels);
        &self.pixels
    }
}

impl DataLoader {
    /// A loader of a spec's training images, for a network with `outputs` outputs.
    pub(super) fn new(spec: &Spec, images: &Images, outputs: usize) -> Self {
        let count = spec.train_size.map_or(images.len(), |size| images.len().min(size as usize));
        let copies = if spec.expand.contains(&Expansion::Shifts) { 1 + SHIFTS.len() } else { 1 };
        let augmenter = (!spec.expand.is_empty()).then(|| Augmenter {
            expansions: spec.expand.clone(),
            transform: ImageTransform::new(images.width, images.height),
            pixels: vec![0; images.pixels_per_image()],
        });
        let batch = spec.batch as usize;
        let mini_batch = || MiniBatch {
            contents: None,
            inputs: BatchBuffer::default(),
            y: Array2::zeros((batch, outputs)),
            samples: 0,
        };
        let source = SampleSource {
            readout: spec.readout,
            seed: spec.seed,
            batch,
            images: count,
            order: vec![0; count * copies],
            opened: None,
            augmenter,
            sparse: None,
        };
        Self { source, now: mini_batch(), next: mini_batch() }
    }

    /// Lists the nonzero pixels of all images once, unless images are augmented. From then on,
    /// sparse mini-batches are gathered from these lists.
    pub(super) fn list_nonzero_pixels(&mut self, images: &Images) {
        if self.source.augmenter.is_none() {
            self.source.sparse = SparseImages::of(images, self.source.images);
        }
    }

    /// Number of training images used, without copies.
    pub(super) fn images(&self) -> usize {
        self.source.images
    }

    /// The book's n: the number of training images per epoch, including copies.
    pub(super) fn samples(&self) -> usize {
        self.source.order.len()
    }

    /// Number of mini-batches per epoch; the last may be shorter.
    pub(super) fn batches(&self) -> usize {
        self.source.order.len().div_ceil(self.source.batch)
    }

    /// Number of images in a mini-batch.
    pub(super) fn size(&self, batch: usize) -> usize {
        self.source.picked(batch).len()
    }

    /// Gathers a mini-batch with inputs in this representation, unless it was prefetched.
    pub(super) fn gather(&mut self, images: &Images, at: BatchIndex, kind: InputKind) {
        let contents = (at, kind);
        if self.next.contents.take() == Some(contents) {
            swap(&mut self.now, &mut self.next);
        } else {
            self.source.fill(&mut self.now, images, contents);
        }
    }

    /// The current mini-batch, and a prefetch of the next one that can run concurrently.
    pub(super) fn batch_and_prefetch<'a>(
        &'a mut self,
        images: &'a Images,
        then: BatchIndex,
        kind: InputKind,
    ) -> (&'a MiniBatch, PrefetchTask<'a>) {
        let Self { source, now, next } = self;
        (now, PrefetchTask { source, mini_batch: next, images, contents: (then, kind) })
    }

    /// The current mini-batch.
    pub(super) fn mini_batch(&self) -> &MiniBatch {
        &self.now
    }
}

impl PrefetchTask<'_> {
    /// Gathers the mini-batch.
    pub(super) fn gather(self) {
        self.source.fill(self.mini_batch, self.images, self.contents);
        self.mini_batch.contents = Some(self.contents);
    }
}

impl MiniBatch {
    /// The inputs, one row per sample.
    pub(super) fn x(&self) -> Batch<'_> {
        self.inputs.batch()
    }

    /// The targets, shape (samples, outputs).
    pub(super) fn y(&self) -> ArrayView2<'_, Real> {
        self.y.slice(s![..self.samples, ..])
    }
}

impl SampleSource {
    /// Shuffles for an epoch, counted from 0, unless done. The order depends only on seed and
    /// epoch, so that it is the same in a resumed run.
    fn open(&mut self, epoch: u32) {
        if self.opened.replace(epoch) == Some(epoch) {
            return;
        }
        self.order.iter_mut().zip(0..).for_each(|(slot, index)| *slot = index);
        let mut stream = rng::stream(self.seed, Purpose::Shuffle, u64::from(epoch), 0);
        self.order.shuffle(&mut stream);
    }

    /// The range of the order for a mini-batch.
    fn picked(&self, batch: usize) -> Range<usize> {
        let first = batch * self.batch;
        first..(first + self.batch).min(self.order.len())
    }

    fn fill(
        &mut self,
        mini_batch: &mut MiniBatch,
        images: &Images,
        ((epoch, batch), kind): (BatchIndex, InputKind),
    ) {
        self.open(epoch);
        let picked = self.picked(batch);
        mini_batch.samples = picked.len();
        mini_batch.inputs.clear(kind, picked.len(), images.pixels_per_image());
        for (row, step) in picked.enumerate() {
            let (index, copy) = self.image(step);
            let later = self.order.get(step + self.batch).map(|&c| c as usize % self.images);
            self.readout.target(images.labels[index], mini_batch.y.row_mut(row));
            if let Some(sparse) = self.sparse.as_ref().filter(|_| kind != InputKind::Dense) {
                let (indices, values) = sparse.image(index);
                mini_batch.inputs.push_nonzero(indices, values);
                later.inspect(|&later| sparse.prefetch(later));
                continue;
            }
            // The images of a mini-batch are scattered in memory, so each is prefetched one batch
            // ahead.
            later.inspect(|&later| images.prefetch(later));
            let image = images.image(index);
            let pixels = match &mut self.augmenter {
                None => image,
                Some(augmenter) => {
                    let (epoch, step) = (u64::from(epoch), step as u64);
                    let mut stream = rng::stream(self.seed, Purpose::Augmentation, epoch, step);
                    augmenter.change(image, copy, &mut stream)
                }
            };
            mini_batch.inputs.push(pixels);
        }
    }

    /// The image at a position in the order, and its copy number.
    fn image(&self, place: usize) -> (usize, usize) {
        let copy = self.order[place] as usize;
        (copy % self.images, copy / self.images)
    }
}

#[cfg(test)]
mod tests;
