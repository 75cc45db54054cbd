use super::*;
#[cfg(target_arch = "x86_64")]
use crate::linalg::lanes::Avx2;
use crate::linalg::lanes::Portable;
use crate::rng::{Purpose, stream};
use rand::RngExt;

fn numbers(count: usize, seed: u64) -> Vec<Real> {
    let mut stream = stream(seed, Purpose::Experiment, 0, 0);
    (0..count).map(|_| stream.random_range(-1.0..1.0)).collect()
}

/// The definition, patch by patch and column by column.
fn expected(image: &[Real], patches: &Patches, weights: &[Real], biases: &[Real]) -> Vec<Real> {
    let columns = biases.len();
    let mut out = Vec::new();
    for start in patches.starts() {
        for (column, bias) in biases.iter().enumerate() {
            let products = (0..patches.rows * patches.run).map(|at| {
                let (row, k) = (at / patches.run, at % patches.run);
                image[start + row * patches.pitch + k] * weights[at * columns + column]
            });
            out.push(bias + products.sum::<Real>());
        }
    }
    out
}

#[test]
fn patches_of_any_size_times_any_number_of_columns() {
    for (columns, maps) in (1..=10).map(|vectors| vectors * LANES).zip([1, 3].into_iter().cycle()) {
        let kernel = 3;
        let (height, width) = (5, 7);
        let patches = Patches {
            height: height + 1 - kernel,
            width: width + 1 - kernel,
            rows: kernel,
            run: kernel * maps,
            pitch: width * maps,
            step: maps,
        };
        let image = numbers(height * width * maps, 1);
        let weights = numbers(kernel * kernel * maps * columns, 2);
        let biases = numbers(columns, 3);
        let starts: Vec<usize> = patches.starts().collect();
        let mut packed = Vec::new();
        pack_bands(&weights, columns, &mut packed);
        let expected = expected(&image, &patches, &weights, &biases);
        let close = |out: &[Real]| {
            let pairs = out.iter().zip(&expected);
            assert!(pairs.clone().count() == expected.len());
            pairs.for_each(|(out, expected)| assert!((out - expected).abs() < 1e-5, "{columns}"));
        };
        let mut out = vec![0.0; expected.len()];
        patches_times_weights(&mut out, &image, &starts, patches, &packed, &biases);
        close(&out);
        let mut portable = vec![0.0; expected.len()];
        body::<[Portable; 2]>(&mut portable, &image, &starts, patches, &packed, &biases);
        close(&portable);
    }
}

/// So a run that moves to another machine goes on as it began.
#[cfg(target_arch = "x86_64")]
#[test]
fn wide_vectors_add_in_the_same_order_as_narrow_ones() {
    #[target_feature(enable = "avx2,fma")]
    fn narrow(
        out: &mut [Real],
        image: &[Real],
        starts: &[usize],
        patches: Patches,
        packed: &[Real],
        biases: &[Real],
    ) {
        body::<[Avx2; 2]>(out, image, starts, patches, packed, biases);
    }
    if !has_avx512() {
        return eprintln!("skipped: no AVX-512 here");
    }
    let patches = Patches { height: 4, width: 5, rows: 5, run: 60, pitch: 108, step: 12 };
    let image = numbers(8 * 108, 1);
    let starts: Vec<usize> = patches.starts().collect();
    for vectors in 1..=6 {
        let columns = vectors * LANES;
        let (weights, biases) = (numbers(300 * columns, 2), numbers(columns, 3));
        let mut packed = Vec::new();
        pack_bands(&weights, columns, &mut packed);
        let mut outs = [vec![0.0; 20 * columns], vec![1.0; 20 * columns]];
        patches_times_weights(&mut outs[0], &image, &starts, patches, &packed, &biases);
        // SAFETY: a processor with AVX-512 has AVX2 and FMA.
        unsafe { narrow(&mut outs[1], &image, &starts, patches, &packed, &biases) };
        assert_eq!(outs[0], outs[1]);
    }
}
