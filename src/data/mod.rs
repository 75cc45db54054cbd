//! Images: the embedded MNIST, data sets in files, batches, augmentation, pictures.

pub mod augment;
pub mod batch;
mod dataset;
mod decode;
mod error;
mod formats;
pub(crate) mod half;
mod image;
mod ink;
mod mnist;
mod orient;
mod paper;
mod shades;
mod summary;

pub use crate::picture::Picture;
pub use dataset::{Dataset, Images};
pub use error::DataError;
pub use formats::{FILE_NAMES, OpenOptions, Predictions, READABLE, idx};
pub use image::{Extraction, PictureError, Scan, Straightening};
pub use ink::Ink;
pub use mnist::first_of_each_digit;
pub use summary::{Summary, first_of_each_class};
