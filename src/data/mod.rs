//! Images: the embedded MNIST, data sets from files, batches, augmentation, pictures.

pub mod augment;
pub mod batch;
mod dataset;
mod decode;
mod error;
mod formats;
pub(crate) mod half;
mod image;
mod mnist;
mod orient;
mod paper;
mod shades;
mod sparse_images;
mod summary;

pub use crate::picture::Picture;
pub use dataset::{Dataset, Images};
pub use error::DataError;
pub(crate) use formats::mistaken_for_model;
pub use formats::{FILE_NAMES, OpenOptions, PredictedDataset, READABLE, idx};
pub use image::{Extraction, PictureError, Rectification, Scan};
pub use mnist::first_of_each_digit;
pub use sparse_images::SparseImages;
pub use summary::{DatasetSummary, first_of_each_class};
