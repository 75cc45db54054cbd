//! Images: the embedded MNIST, IDX files, batches, augmentation, pictures.

pub mod augment;
pub mod batch;
mod dataset;
mod directory;
mod error;
pub mod idx;
mod image;
mod ink;
mod mnist;
mod paper;

pub use crate::picture::Picture;
pub use dataset::{Dataset, Images};
pub use directory::FILE_NAMES;
pub use error::DataError;
pub use image::{PictureError, Scan};
pub use ink::Ink;
pub use mnist::first_of_each_digit;
