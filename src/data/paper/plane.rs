//! A grey image and operations on neighbourhoods.

/// A grey image; shades from 0 (black) to 255 (white), row-major.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::data) struct Plane {
    pub width: usize,
    pub height: usize,
    pub shades: Vec<u8>,
}

impl Plane {
    pub fn new(width: usize, height: usize, shades: Vec<u8>) -> Self {
        debug_assert_eq!(shades.len(), width * height);
        Self { width, height, shades }
    }

    pub fn shorter_side(&self) -> usize {
        self.width.min(self.height)
    }

    pub fn longer_side(&self) -> usize {
        self.width.max(self.height)
    }

    /// Half the width and height; each pixel is the mean of 2×2 pixels, rounded up.
    pub fn halved(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let mut shades = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = |y: usize| {
                let y = y.min(self.height - 1);
                &self.shades[y * self.width..(y + 1) * self.width]
            };
            let (upper, lower) = (row(2 * y), row(2 * y + 1));
            shades.extend((0..width).map(|x| {
                let (left, right) = (2 * x, (2 * x + 1).min(self.width - 1));
                let sum = [upper[left], upper[right], lower[left], lower[right]];
                (sum.into_iter().map(u16::from).sum::<u16>().div_ceil(4)).min(255) as u8
            }));
        }
        Self { width, height, shades }
    }

    /// The bilinearly interpolated shade at (x, y). Pixel centres are at half-integer coordinates;
    /// coordinates beyond the border are clamped to it.
    pub fn between(&self, [x, y]: [f32; 2]) -> u8 {
        let inside = |at: f32, side: usize| (at - 0.5).clamp(0.0, (side - 1) as f32);
        let (x, y) = (inside(x, self.width), inside(y, self.height));
        let (left, top) = (x as usize, y as usize);
        let (right, below) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (dx, dy) = (x - left as f32, y - top as f32);
        let shade = |x: usize, y: usize| f32::from(self.shades[y * self.width + x]);
        let upper = (1.0 - dx) * shade(left, top) + dx * shade(right, top);
        let lower = (1.0 - dx) * shade(left, below) + dx * shade(right, below);
        ((1.0 - dy) * upper + dy * lower).round() as u8
    }

    pub fn inverted(&self) -> Self {
        let shades = self.shades.iter().map(|shade| 255 - shade).collect();
        Self { shades, ..*self }
    }

    /// Binomial 3×3 blur (weights 1, 2, 1 in each direction).
    pub fn blurred(&self) -> Self {
        let (width, height) = (self.width, self.height);
        let mut rows = vec![0_u16; width * height];
        for (row, out) in self.shades.chunks(width).zip(rows.chunks_mut(width)) {
            for x in 0..width {
                let (left, right) = (row[x.saturating_sub(1)], row[(x + 1).min(width - 1)]);
                out[x] = u16::from(left) + 2 * u16::from(row[x]) + u16::from(right);
            }
        }
        let mut shades = vec![0; width * height];
        for (y, out) in shades.chunks_mut(width).enumerate() {
            let row = |y: usize| &rows[y * width..(y + 1) * width];
            let (above, here, below) =
                (row(y.saturating_sub(1)), row(y), row((y + 1).min(height - 1)));
            for x in 0..width {
                out[x] = ((above[x] + 2 * here[x] + below[x] + 8) / 16) as u8;
            }
        }
        Self { shades, ..*self }
    }

    /// Morphological closing with a square of side `2 * radius + 1`: dark regions into which the
    /// square does not fit take the shade of their surroundings; edges of larger regions stay.
    pub fn closed(&self, radius: usize) -> Self {
        self.extremes(radius, u8::max).extremes(radius, u8::min)
    }

    /// Morphological erosion with a square of side `2 * radius + 1`.
    pub fn eroded(&self, radius: usize) -> Self {
        self.extremes(radius, u8::min)
    }

    /// The maximum (or minimum) over the square of side `2 * radius + 1` around each pixel.
    fn extremes(&self, radius: usize, of: fn(u8, u8) -> u8) -> Self {
        let columns = column_extremes(&self.shades, self.width, self.height, radius, of);
        let turned = transposed(&columns, self.width, self.height);
        let rows = column_extremes(&turned, self.height, self.width, radius, of);
        Self { shades: transposed(&rows, self.height, self.width), ..*self }
    }
}

/// The extremes over `2 * radius + 1` rows of each column, by the algorithm of van Herk and of Gil
/// and Werman: running extremes from the start and to the end of blocks of as many rows. Every
/// window spans at most two blocks.
fn column_extremes(
    shades: &[u8],
    width: usize,
    height: usize,
    radius: usize,
    of: fn(u8, u8) -> u8,
) -> Vec<u8> {
    let block = 2 * radius + 1;
    let mut from_start = shades.to_vec();
    let mut to_end = shades.to_vec();
    for y in 1..height {
        if y % block != 0 {
            let (above, here) = from_start.split_at_mut(y * width);
            fold(&mut here[..width], &above[(y - 1) * width..], of);
        }
    }
    for y in (0..height.saturating_sub(1)).rev() {
        if y % block != block - 1 {
            let (here, below) = to_end.split_at_mut((y + 1) * width);
            fold(&mut here[y * width..], &below[..width], of);
        }
    }
    let mut out = Vec::with_capacity(shades.len());
    for y in 0..height {
        let (first, last) = (y.saturating_sub(radius), (y + radius).min(height - 1));
        let start = &from_start[last * width..(last + 1) * width];
        let end = &to_end[first * width..(first + 1) * width];
        if first / block != last / block {
            out.extend(start.iter().zip(end).map(|(a, b)| of(*a, *b)));
        } else if first % block == 0 {
            out.extend_from_slice(start);
        } else {
            out.extend_from_slice(end);
        }
    }
    out
}

fn fold(into: &mut [u8], from: &[u8], of: fn(u8, u8) -> u8) {
    into.iter_mut().zip(from).for_each(|(a, b)| *a = of(*a, *b));
}

fn transposed(shades: &[u8], width: usize, height: usize) -> Vec<u8> {
    const TILE: usize = 32;
    let mut out = vec![0; shades.len()];
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            for y in top..(top + TILE).min(height) {
                for x in left..(left + TILE).min(width) {
                    out[x * height + y] = shades[y * width + x];
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reference implementation, pixel by pixel.
    fn reference(plane: &Plane, radius: usize, of: fn(u8, u8) -> u8) -> Vec<u8> {
        let near = |at: usize, size: usize| at.saturating_sub(radius)..(at + radius + 1).min(size);
        let window = |x: usize, y: usize| {
            let rows = near(y, plane.height);
            let all = rows.flat_map(|row| {
                near(x, plane.width).map(move |column| plane.shades[row * plane.width + column])
            });
            all.reduce(of).unwrap()
        };
        (0..plane.shades.len()).map(|at| window(at % plane.width, at / plane.width)).collect()
    }

    proptest! {
        #[test]
        fn extremes_match_the_reference_implementation(
            width in 1_usize..20, height in 1_usize..20, radius in 1_usize..12, seed: Vec<u8>,
        ) {
            let shades = (0..width * height)
                .map(|at| seed.get(at % seed.len().max(1)).map_or(7, |s| s.wrapping_mul(at as u8)));
            let plane = Plane::new(width, height, shades.collect());
            for of in [u8::max, u8::min] {
                prop_assert_eq!(plane.extremes(radius, of).shades, reference(&plane, radius, of));
            }
        }
    }

    #[test]
    fn closing_fills_strokes_and_leaves_edges() {
        // A stroke of two columns, and a dark region from column 12 on.
        let shades = (0..20 * 9).map(|at| match at % 20 {
            4 | 5 => 10,
            12.. => 60,
            _ => 200,
        });
        let closed = Plane::new(20, 9, shades.collect()).closed(3);
        let right = (0..20 * 9).map(|at| if at % 20 >= 12 { 60 } else { 200 });
        assert_eq!(closed.shades, right.collect::<Vec<u8>>());
    }
}
