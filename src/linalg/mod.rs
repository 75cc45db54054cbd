//! Linear algebra for the layers: aligned matrices, batches of inputs, kernels, and the thread
//! pool.
//!
//! A kernel is an inner loop that is written once, generic over a SIMD token (see [`simd`]), and
//! compiled for portable code, for AVX2 with fused multiply-add, and, where wider vectors are
//! faster, for AVX-512. The module [`cpu`] selects one of them at run time. All versions add in the
//! same order; only the rounding of fused multiply-adds differs. Tests compare every kernel with
//! the textbook loop in `reference`.

#![allow(
    clippy::inline_always,
    reason = "a body must be inlined into the function that has the target features"
)]

mod batch;
mod bytes;
mod cpu;
mod elementwise;
mod entry;
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
    add, flush_tiny, relu, scale_and_subtract, scale_by, times_relu_slope, times_sigmoid_slope,
    times_tanh_slope,
};
pub(crate) use entry::SparseEntry;
pub use executor::Executor;
pub(crate) use exponential::{exponentials, sigmoids, tanhs};
pub(crate) use maps::{add_deltas, add_pixels, add_scaled, add_squares, affine};
pub(crate) use matrix::AlignedBuffer;
pub use matrix::Matrix;
pub(crate) use patches::{Patches, patches_times_weights};
pub(crate) use pooling::{Blocks, max_pool, max_pool_delta};
pub(crate) use prefetch::RowPrefetch;
pub(crate) use runs::{RUN, accumulate_runs};
pub use sparse::SparseRows;
pub(crate) use sparse::nonzero;
pub(crate) use strips::{
    STRIP_PITCH, Strips, accumulate_rows, add_outer_products, add_products, dot_rows,
};
pub(crate) use sums::{accumulate, scatter_rows, sum_rows};
pub(crate) use thread_pool::{ThreadPool, lock};

/// The number type of all weights and activations: `f32`, or `f64` with the feature of that name.
#[cfg(not(feature = "f64"))]
pub type Real = f32;
/// The number type of all weights and activations: `f32`, or `f64` with the feature of that name.
#[cfg(feature = "f64")]
pub type Real = f64;

/// Defines a kernel, and the function `$body`, which is generic over its first argument, a
/// [`simd::Simd`] token.
macro_rules! kernel {
    ($(#[$doc:meta])* fn $name:ident = $body:ident(
        $simd:ident, $($arg:ident: $type:ty),* $(,)?
    ) $(-> $out:ty)? $code:block) => {
        crate::linalg::compiled! {
            $(#[$doc])* fn $name = $body<crate::linalg::simd::Simd>(
                $simd, $($arg: $type),*
            ) $(-> $out)? $code;
            |simd| simd; "avx2,fma,bmi1,popcnt" => simd.avx2()
        }
    };
}
use kernel;

/// As `kernel!`, for a [`simd::WideSimd`] token.
macro_rules! wide_kernel {
    ($(#[$doc:meta])* fn $name:ident = $body:ident(
        $simd:ident, $($arg:ident: $type:ty),* $(,)?
    ) $code:block) => {
        crate::linalg::compiled! {
            $(#[$doc])* fn $name = $body<crate::linalg::simd::WideSimd>(
                $simd, $($arg: $type),*
            ) $code;
            |simd| crate::linalg::simd::VectorPair(simd);
            "avx512f,avx512vl,avx512bw,bmi1,popcnt" => simd
        }
    };
}
use wide_kernel;

/// Defines `$body`, and `$name`, which calls it compiled for the selected instruction set. The
/// token is `$narrow` for portable code and AVX2, and `$wide`, with `$features`, for AVX-512.
macro_rules! compiled {
    ($(#[$doc:meta])* fn $name:ident = $body:ident<$bound:path>(
        $token:ident, $($arg:ident: $type:ty),*
    ) $(-> $out:ty)? $code:block;
     |$simd:ident| $narrow:expr; $features:literal => $wide:expr) => {
        $(#[$doc])*
        #[inline(always)]
        fn $body<S: $bound>($token: S, $($arg: $type),*) $(-> $out)? $code

        $(#[$doc])*
        pub(crate) fn $name($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi1,popcnt")]
            fn with_avx2($simd: crate::linalg::simd::Avx2, $($arg: $type),*) $(-> $out)? {
                $body($narrow, $($arg),*)
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = $features)]
            fn with_avx512($simd: crate::linalg::simd::Avx512, $($arg: $type),*) $(-> $out)? {
                $body($wide, $($arg),*)
            }
            match crate::linalg::cpu::selected() {
                crate::linalg::cpu::Cpu::Portable($simd) => $body($narrow, $($arg),*),
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
use compiled;
