#![allow(clippy::float_cmp, reason = "copied values are identical to the bit")]

use super::super::matrix::AlignedBuffer;
use super::super::reference::{array, bytes, close, product, wide};
use super::super::simd::{Portable, VectorPair};
use super::super::strips::tests::UNITS;
use super::*;
use ndarray::{Array2, s};

#[test]
fn byte_values_equal_the_values_of_a_dense_batch() {
    for byte in 0..=255_u8 {
        let scaled = Real::from(byte) * Real::from(255_u8).recip();
        assert_eq!(NUMBERS[usize::from(byte)].to_bits(), scaled.to_bits());
    }
}

#[test]
fn every_instruction_set_finds_the_nonzero_bytes() {
    let mut group = [0; GROUP];
    for place in [0, 7, 31, 32, 63] {
        group[place] = 1 << (place % 8);
    }
    let expected = 1 | 1 << 7 | 1 << 31 | 1 << 32 | 1 << 63;
    assert_eq!(VectorPair(Portable).nonzero_bytes(&group), expected);
    #[cfg(target_arch = "x86_64")]
    {
        use crate::linalg::simd::{Avx2, Avx512};
        #[target_feature(enable = "avx512f,avx512vl,avx512bw")]
        fn with_avx512(simd: Avx512, group: &[u8; GROUP]) -> u64 {
            simd.nonzero_bytes(group)
        }
        #[target_feature(enable = "avx2,fma")]
        fn with_avx2(simd: Avx2, group: &[u8; GROUP]) -> u64 {
            VectorPair(simd).nonzero_bytes(group)
        }
        if let Some(simd) = Avx2::detect() {
            // SAFETY: the token proves that the processor has the instructions.
            assert_eq!(unsafe { with_avx2(simd, &group) }, expected);
        }
        if let Some(simd) = Avx512::detect() {
            // SAFETY: as above.
            assert_eq!(unsafe { with_avx512(simd, &group) }, expected);
        }
    }
}

fn flat(array: &Array2<f64>) -> Vec<f64> {
    array.iter().copied().collect()
}

#[test]
fn bytes_times_weights_are_added() {
    for units in UNITS {
        let (bytes, x) = bytes(5, 150);
        assert_eq!(bytes.samples(), 5);
        // Weights whose rows are padded.
        let (weights, start) = (array(150, units + 3, 1), array(5, units, 2));
        let counted = weights.slice(s![.., ..units]);
        let expected = flat(&(product(x.view(), counted) + start.mapv(wide)));
        let [mut out, mut portable] = [start.clone(), start];
        let weights = weights.as_slice().unwrap();
        add_bytes_times_rows(out.as_slice_mut().unwrap(), units, &bytes, weights, units + 3);
        close(&out, &expected);
        let into = portable.as_slice_mut().unwrap();
        bytes_times_rows_body(VectorPair(Portable), into, units, &bytes, weights, units + 3);
        close(&portable, &expected);
    }
}

#[test]
fn gradients_of_bytes_are_added_to_decayed_weights() {
    for (units, samples) in UNITS.into_iter().zip([3, 64, 70].into_iter().cycle()) {
        let ((bytes, x), delta) = (bytes(samples, 20), array(samples, units, 3));
        let mut buffer = AlignedBuffer::default();
        let strips = Strips::copy(delta.as_slice().unwrap(), units, 0..units, 2.0, &mut buffer);
        let (start, stride) = (array(20, units + 3, 4), units + 3);
        for decay in [1.0, 0.5, 0.0] {
            let counted = start.slice(s![.., ..units]);
            let decayed = counted.mapv(|weight| wide(decay) * wide(weight));
            let expected = 2.0 * product(x.t(), delta.view()) + decayed;
            let mut found = start.clone();
            if decay == 0.0 {
                found.slice_mut(s![.., ..units]).fill(Real::NAN);
            }
            let mut portable = found.clone();
            let values = found.as_slice_mut().unwrap();
            add_transposed_bytes_times_strips(values, stride, &bytes, strips, decay);
            let (simd, values) = (VectorPair(Portable), portable.as_slice_mut().unwrap());
            transposed_bytes_times_strips_body(simd, values, stride, &bytes, strips, decay);
            for found in [found, portable] {
                close(found.slice(s![.., ..units]), &flat(&expected));
                let padding = s![.., units..];
                assert_eq!(found.slice(padding), start.slice(padding), "padding is unchanged");
            }
        }
    }
}
