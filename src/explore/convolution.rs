//! Chapter 6: a kernel moves over a digit, and its feature map is pooled (equation 125).

use super::build::{choice, figure, number, range, sigmoid, table};
use crate::data::first_of_each_digit;
use crate::protocol::{Explorable, Figure, FigureBody, Slider, SliderKind};
use std::sync::LazyLock;

/// Side of a digit, of the kernel and of the feature map, in pixels.
const DIGIT: usize = 28;
const KERNEL: usize = 5;
const MAP: usize = DIGIT - KERNEL + 1;
/// Side of a pooled region.
const POOL: usize = 2;
const CELLS: usize = KERNEL * KERNEL;

static DIGITS: LazyLock<[Vec<u8>; 10]> = LazyLock::new(first_of_each_digit);

pub(super) fn describe() -> Explorable {
    Explorable {
        id: "convolution".into(),
        chapter: 6,
        title: "A kernel over a digit".into(),
        to_try: "Move row and column and find the kernel's place in the map. Draw the kernel \
                 (click or + −), or press Enter on it for the next one. Pool the map."
            .into(),
        to_notice: "One kernel answers wherever its pattern is: the map shows where edges of one \
                    direction are, in any digit. Pooling keeps that something was there and \
                    forgets exactly where."
            .into(),
        sliders: vec![
            choice("digit", &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]),
            range("row", [0.0, (MAP - 1) as f64], 1.0, 5.0),
            range("column", [0.0, (MAP - 1) as f64], 1.0, 9.0),
            kernel(),
            range("bias b", [-5.0, 5.0], 0.25, 0.0),
            choice("activation", &["rectified", "sigmoid", "none"]),
            choice("pooling", &["max", "L2", "mean"]),
        ],
    }
}

fn kernel() -> Slider {
    let presets = presets();
    let default = presets[0].1.clone();
    let width = KERNEL as u32;
    let line = range("kernel", [-2.0, 2.0], 0.5, 0.0);
    Slider { default, control: SliderKind::Grid { width, presets }, ..line }
}

/// Kernels that detect a feature, as functions of row and column relative to the centre.
fn presets() -> Vec<(String, Vec<f64>)> {
    type Pattern = fn(i32, i32) -> f64;
    let patterns: [(&str, Pattern); 7] = [
        ("right edge", |_, x| f64::from(-x.signum())),
        ("left edge", |_, x| f64::from(x.signum())),
        ("top edge", |y, _| f64::from(y.signum())),
        ("diagonal", |y, x| if x + y == 0 { 1.0 } else { -0.5 }),
        ("blur", |_, _| 0.5),
        ("outline", |y, x| {
            if (x, y) == (0, 0) {
                2.0
            } else if x.abs() + y.abs() == 1 {
                -0.5
            } else {
                0.0
            }
        }),
        ("one pixel", |y, x| if (x, y) == (0, 0) { 1.0 } else { 0.0 }),
    ];
    let sides = || -2..=2;
    let values =
        |pattern: Pattern| sides().flat_map(|y| sides().map(move |x| pattern(y, x))).collect();
    patterns.map(|(name, pattern)| (name.to_string(), values(pattern))).into()
}

/// Σ over the kernel of wₗₘ a₍ⱼ₊ₗ₎₍ₖ₊ₘ₎ + b at a position of the feature map.
fn weighted(digit: &[f64], kernel: &[f64], bias: f64, row: usize, column: usize) -> f64 {
    let products = (0..CELLS).map(|at| {
        let (y, x) = (row + at / KERNEL, column + at % KERNEL);
        kernel[at] * digit[y * DIGIT + x]
    });
    products.sum::<f64>() + bias
}

fn activate(kind: usize, z: f64) -> f64 {
    match kind {
        0 => z.max(0.0),
        1 => sigmoid(z),
        _ => z,
    }
}

/// Pools the 2×2 regions of a map.
fn pooled(map: &[f64], kind: usize) -> Vec<f64> {
    let side = MAP / POOL;
    let region = |index: usize| {
        let (row, column) = (index / side * POOL, index % side * POOL);
        let values = (0..POOL * POOL).map(|at| map[(row + at / POOL) * MAP + column + at % POOL]);
        match kind {
            0 => values.fold(f64::NEG_INFINITY, f64::max),
            1 => values.map(|a| a * a).sum::<f64>().sqrt(),
            _ => values.sum::<f64>() / (POOL * POOL) as f64,
        }
    };
    (0..side * side).map(region).collect()
}

pub(super) fn figures(values: &[f64]) -> Vec<Figure> {
    let [which, row, column] = [0, 1, 2].map(|index| values[index].round() as usize);
    let (kernel, rest) = (&values[3..3 + CELLS], &values[3 + CELLS..]);
    let (bias, activation, pooling) = (rest[0], rest[1] as usize, rest[2] as usize);
    let digit: Vec<f64> = DIGITS[which].iter().map(|&ink| f64::from(ink) / 255.0).collect();
    let z = weighted(&digit, kernel, bias, row, column);
    let at = |index: usize| weighted(&digit, kernel, bias, index / MAP, index % MAP);
    let map: Vec<f64> = (0..MAP * MAP).map(|index| activate(activation, at(index))).collect();
    let pool = pooled(&map, pooling);
    let (pool_row, pool_column) = (row / POOL, column / POOL);
    let here = pool[pool_row * (MAP / POOL) + pool_column];
    let numbers =
        [format!("{row}, {column}"), number(z), number(activate(activation, z)), number(here)];
    vec![
        figure("digit", "The digit", "", image(DIGIT, framed(&digit, row, column))),
        figure("map", "The feature map", "", image(MAP, marked(&map, row, column))),
        figure("pooled", "Pooled", "", image(MAP / POOL, pool.iter().map(|&a| a as f32).collect())),
        figure(
            "numbers",
            "At this position",
            "",
            table(
                &["row, column", "z = Σ w a + b", "a = f(z)", "pooled"],
                [(false, numbers.into())],
            ),
        ),
    ]
}

fn image(side: usize, pixels: Vec<f32>) -> FigureBody {
    let (width, height) = (side as u32, side as u32);
    FigureBody::Images { width, height, diverging: true, images: vec![(String::new(), pixels)] }
}

/// The digit with the border of the kernel's 5×5 region as negative values, −0.4 to −1, which have
/// another colour.
fn framed(digit: &[f64], row: usize, column: usize) -> Vec<f32> {
    let pixel = |index: usize| {
        let (y, x) = (index / DIGIT, index % DIGIT);
        let inside = |at: usize, from: usize| (from..from + KERNEL).contains(&at);
        let edge = |at: usize, from: usize| at == from || at + 1 == from + KERNEL;
        let on_frame = inside(y, row) && inside(x, column) && (edge(y, row) || edge(x, column));
        if on_frame { -0.4 - 0.6 * digit[index] as f32 } else { digit[index] as f32 }
    };
    (0..DIGIT * DIGIT).map(pixel).collect()
}

/// The map with the value at the kernel's position replaced by the largest magnitude of the map (at
/// least 0.1), with the opposite sign.
fn marked(map: &[f64], row: usize, column: usize) -> Vec<f32> {
    let largest = map.iter().fold(0.1, |most: f64, a| most.max(a.abs()));
    let here = row * MAP + column;
    let mark = if map[here] > 0.0 { -largest } else { largest };
    let pixel = |(index, &a): (usize, &f64)| if index == here { mark as f32 } else { a as f32 };
    map.iter().enumerate().map(pixel).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_pixel_kernel_copies_the_digit_and_max_pooling_takes_the_maximum() {
        let digit: Vec<f64> = (0..DIGIT * DIGIT).map(|i| (i % 97) as f64 / 97.0).collect();
        let kernel = &presets().into_iter().find(|(name, _)| name == "one pixel").unwrap().1;
        let map: Vec<f64> = (0..MAP * MAP)
            .map(|index| weighted(&digit, kernel, 0.0, index / MAP, index % MAP))
            .collect();
        for (index, value) in map.iter().enumerate() {
            let (row, column) = (index / MAP + 2, index % MAP + 2);
            assert!((value - digit[row * DIGIT + column]).abs() < 1e-12);
        }
        let pool = pooled(&map, 0);
        let region = [map[0], map[1], map[MAP], map[MAP + 1]];
        assert!((pool[0] - region.into_iter().fold(0.0, f64::max)).abs() < 1e-12);
        assert_eq!(pool.len(), 12 * 12);
    }
}
