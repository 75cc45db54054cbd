//! Linear algebra for the layers: aligned matrices, batches of inputs, kernels, and the thread pool.
//!
//! A kernel is an inner loop that is written once, generic over a SIMD token (see [`simd`]), and
//! compiled for any machine, for AVX2 with fused multiply-add, and, where wider vectors pay, for
//! AVX-512. The module [`cpu`] chooses among them while running. All paths add in the same order;
//! only the rounding of a fused multiply-add differs. The loops of the textbook are in `reference`,
//! which the tests compare every kernel with.

#![allow(
    clippy::inline_always,
    reason = "a body must become part of the function that is compiled for its instructions"
)]

mod batch;
mod bytes;
mod cpu;
mod elementwise;
mod executor;
mod exponential;
mod maps;
mod matrix;
mod patches;
mod pooling;
mod prefetch;
#[cfg(test)]
mod reference;
mod row;
mod runs;
mod simd;
mod sparse;
mod strips;
mod sums;
mod thread_pool;

pub(crate) use batch::BatchBuffer;
pub use batch::{Batch, InputKind};
pub use bytes::ByteRows;
pub(crate) use bytes::{add_bytes_times_rows, add_transposed_bytes_times_strips};
pub use cpu::{cpu_path, cpu_paths};
pub(crate) use elementwise::{
    add, flush_tiny, relu, scale_and_subtract, times_relu_slope, times_sigmoid_slope,
    times_tanh_slope,
};
pub use executor::Executor;
pub(crate) use exponential::{exponentials, sigmoids, tanhs};
pub(crate) use maps::{add_deltas, add_pixels, add_scaled, add_squares, affine};
pub(crate) use matrix::AlignedBuffer;
pub use matrix::Matrix;
pub(crate) use patches::{
    Patches, pack_bands, padded, patches_times_weights, strip_padding, unfold,
};
pub(crate) use pooling::{Blocks, max_pool, max_pool_delta};
pub(crate) use prefetch::Prefetch;
pub(crate) use runs::{RUN, accumulate_runs};
pub use sparse::SparseRows;
pub(crate) use sparse::{Entry, nonzero};
pub(crate) use strips::{STRIP_PITCH, Strips, accumulate_rows, add_products, dot_rows};
pub(crate) use sums::{accumulate, scale_by, scatter_rows, sum_rows};
pub(crate) use thread_pool::{ThreadPool, lock};

/// The number type of all weights and activations; the feature `f64` flips it.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The number type of all weights and activations; the feature `f64` flips it.
#[cfg(feature = "f64")]
pub type Real = f64;

/// Defines a kernel by a body that is generic over a [`simd::Simd`] token, its first argument.
macro_rules! kernel {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,popcnt")]
            fn with_avx2(simd: crate::linalg::simd::Avx2, $($arg: $type),*) {
                $body(simd, $($arg),*);
            }
            match crate::linalg::cpu::selected() {
                crate::linalg::cpu::Cpu::Portable(simd) => $body(simd, $($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the token proves that the processor has these instructions.
                crate::linalg::cpu::Cpu::Avx2(simd) => unsafe { with_avx2(simd, $($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                crate::linalg::cpu::Cpu::Avx512(simd) => unsafe {
                    with_avx2(simd.avx2(), $($arg),*);
                },
            }
        }
    };
}
use kernel;

/// As `kernel!`, with a body that is generic over a [`simd::WideSimd`] token.
macro_rules! wide_kernel {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $body:ident) => {
        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) {
            use crate::linalg::simd::Pair;
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,popcnt")]
            fn with_avx2(simd: crate::linalg::simd::Avx2, $($arg: $type),*) {
                $body(Pair(simd), $($arg),*);
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512vl,avx512bw,bmi1,popcnt")]
            fn with_avx512(simd: crate::linalg::simd::Avx512, $($arg: $type),*) {
                $body(simd, $($arg),*);
            }
            match crate::linalg::cpu::selected() {
                crate::linalg::cpu::Cpu::Portable(simd) => $body(Pair(simd), $($arg),*),
                #[cfg(target_arch = "x86_64")]
                // SAFETY: the token proves that the processor has these instructions.
                crate::linalg::cpu::Cpu::Avx2(simd) => unsafe { with_avx2(simd, $($arg),*) },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                crate::linalg::cpu::Cpu::Avx512(simd) => unsafe { with_avx512(simd, $($arg),*) },
            }
        }
    };
}
use wide_kernel;
