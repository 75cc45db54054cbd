//! Images: the embedded MNIST, IDX files, batches, augmentation, pictures.

mod dataset;

pub use dataset::{Dataset, Images};
