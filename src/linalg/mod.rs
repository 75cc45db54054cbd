//! The inner loops, each written once over [`lanes::Lanes`] or [`lanes::Wide`] and compiled more than
//! once: for any machine, for AVX2 with fused multiply-add, and some for AVX-512. What the processor
//! has is chosen while running.
//!
//! All add in the same order; only the rounding of a fused multiply-add differs.

#![allow(
    clippy::inline_always,
    reason = "a body must become part of the function that is compiled for AVX2"
)]
#![allow(
    clippy::extra_unused_type_parameters,
    reason = "some bodies leave the choice of vectors to the compiler"
)]

mod ahead;
mod blocks;
mod bytes;
mod elementwise;
mod exponential;
mod lanes;
mod listing;
mod maps;
mod packed;
mod row;
mod rows;
mod runs;
mod tile;
mod wide;

pub(crate) use ahead::Ahead;
pub(crate) use blocks::{Blocks, largest, to_largest};
pub(crate) use bytes::{Bytes, add_bytes_times_matrix, add_bytes_times_rows};
pub(crate) use elementwise::{
    add, descend, rectify, settled, times_sigmoid_slope, times_step, times_tanh_slope,
};
pub(crate) use exponential::{exponentials, sigmoids, tangents};
pub(crate) use listing::{List, Term, expand, ink, nonzero};
pub(crate) use maps::{add_deltas, add_pixels, add_scaled, add_squares, affine};
pub(crate) use packed::Packed;
pub(crate) use rows::{accumulate, scale_by, scatter_rows, sum_rows};
pub(crate) use runs::{RUN, accumulate_runs};
pub(crate) use tile::{Patches, pack_bands, padded, patches_times_weights, strip, unfold};
pub(crate) use wide::{CUT, Matrix, accumulate_rows, add_products, dot_rows};

/// The number type of all weights and activations; the feature `f64` flips it.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The number type of all weights and activations; the feature `f64` flips it.
#[cfg(feature = "f64")]
pub type Real = f64;

/// Defines a kernel by a body that is generic over the vector type.
macro_rules! kernel {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($arg: $type),*) {
                    $body::<crate::linalg::lanes::Avx2>($($arg),*);
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the processor has the features that the function is compiled for.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            $body::<crate::linalg::lanes::Portable>($($arg),*);
        }
    };
}
use kernel;

/// As `kernel!`, with a body that is generic over pairs of vectors.
macro_rules! wide_kernel {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use super::lanes::{Avx2, Avx512, has_avx512};
                #[target_feature(enable = "avx512f,avx512vl,avx512bw")]
                fn with_avx512($($arg: $type),*) {
                    $body::<Avx512>($($arg),*);
                }
                #[target_feature(enable = "avx2,fma")]
                fn with_avx2($($arg: $type),*) {
                    $body::<[Avx2; 2]>($($arg),*);
                }
                if has_avx512() {
                    // SAFETY: the processor has the features that the function is compiled for.
                    return unsafe { with_avx512($($arg),*) };
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: as above.
                    return unsafe { with_avx2($($arg),*) };
                }
            }
            $body::<[crate::linalg::lanes::Portable; 2]>($($arg),*);
        }
    };
}
use wide_kernel;
