//! A contact sheet for the terminal: images drawn as half blocks, two pixels per character.

use crate::cli::output::Output;
use crate::data::Images;
use crate::ui::{ColorDepth, Theme};
use std::io;

/// Maximum width and height of a drawn image, in pixels.
const MAX_SIDE: usize = 28;
/// Characters from dark to light, for terminals without colours.
const SHADES: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];

/// Prints a row of images under a title, as many as fit in `columns`; without a theme, only with
/// characters.
pub(super) fn print(
    out: &mut Output,
    title: &str,
    images: &Images,
    columns: u16,
    theme: Option<Theme>,
) -> io::Result<()> {
    if images.is_empty() {
        return Ok(());
    }
    let (wide, high) = fitted(images.width, images.height);
    let fit = ((usize::from(columns) + 1) / (wide + 1)).clamp(1, images.len());
    writeln!(out, "{title}")?;
    let depth = theme.map_or(ColorDepth::None, |theme| theme.depth);
    for row in (0..high).step_by(2) {
        for index in 0..fit {
            for column in 0..wide {
                let shade = |row| pixel(images, index, (wide, high), column, row);
                let below = if row + 1 < high { shade(row + 1) } else { [0; 3] };
                cell(out, shade(row), below, depth)?;
            }
            if depth >= ColorDepth::Ansi256 {
                out.paint(&[0], " ")?;
            } else {
                write!(out, " ")?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// The drawn size of an image, at most its own.
fn fitted(width: usize, height: usize) -> (usize, usize) {
    let scale = (MAX_SIDE as f64 / width.max(height) as f64).min(1.0);
    let fit = |side: usize| ((side as f64 * scale).round() as usize).max(1);
    (fit(width), fit(height))
}

/// The mean colour of the image pixels within one drawn pixel.
fn pixel(images: &Images, index: usize, drawn: (usize, usize), x: usize, y: usize) -> [u8; 3] {
    let image = images.image(index);
    let range = |at: usize, of: usize, side: usize| {
        let first = at * side / of;
        first..((at + 1) * side / of).max(first + 1)
    };
    let (rows, columns) = (range(y, drawn.1, images.height), range(x, drawn.0, images.width));
    let count = (rows.len() * columns.len()) as u32;
    let mut sum = [0_u32; 3];
    for row in rows {
        for column in columns.clone() {
            let at = (row * images.width + column) * images.channels;
            for (channel, sum) in sum.iter_mut().enumerate() {
                *sum += u32::from(image[at + channel.min(images.channels - 1)]);
            }
        }
    }
    sum.map(|sum| (sum / count) as u8)
}

/// Prints two pixels, one above the other, as a half block or as a character for their mean.
fn cell(out: &mut Output, above: [u8; 3], below: [u8; 3], depth: ColorDepth) -> io::Result<()> {
    match depth {
        ColorDepth::True => {
            let ([r, g, b], [r2, g2, b2]) = (above, below);
            out.paint(&[38, 2, r, g, b, 48, 2, r2, g2, b2], "▀")
        }
        ColorDepth::Ansi256 => out.paint(&[38, 5, indexed(above), 48, 5, indexed(below)], "▀"),
        _ => {
            let weight = |[r, g, b]: [u8; 3]| {
                (299 * usize::from(r) + 587 * usize::from(g) + 114 * usize::from(b)) / 1000
            };
            let mean = usize::midpoint(weight(above), weight(below));
            write!(out, "{}", SHADES[mean * SHADES.len() / 256])
        }
    }
}

/// The nearest of the 256 colours: from the grey ramp or the colour cube.
fn indexed([r, g, b]: [u8; 3]) -> u8 {
    if r == g && g == b {
        return match r {
            0..=3 => 16,
            247..=255 => 231,
            _ => 232 + ((u16::from(r).max(8) - 8) / 10).min(23) as u8,
        };
    }
    let step = |value: u8| (u16::from(value) * 5 + 127) / 255;
    (16 + 36 * step(r) + 6 * step(g) + step(b)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_drawn_with_two_pixels_per_character() {
        let images = Images {
            width: 2,
            height: 2,
            channels: 3,
            pixels: vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9],
            labels: vec![0],
        };
        let cells = [0, 1].map(|x| [0, 1].map(|y| pixel(&images, 0, (2, 2), x, y)));
        assert_eq!(cells, [[[255, 0, 0], [0, 0, 255]], [[0, 255, 0], [9, 9, 9]]]);
        let mut bytes = Vec::new();
        cell(&mut Output::to(&mut bytes), [1, 2, 3], [4, 5, 6], ColorDepth::True).unwrap();
        assert_eq!(bytes, "\x1b[38;2;1;2;3;48;2;4;5;6m▀".as_bytes());
        bytes.clear();
        print(&mut Output::to(&mut bytes), "cat", &images, 80, None).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.starts_with("cat\n") && !text.contains('\x1b'), "{text:?}");
    }

    #[test]
    fn large_images_are_scaled_down() {
        assert_eq!(fitted(64, 32), (28, 14));
        assert_eq!(fitted(8, 8), (8, 8));
        assert_eq!(indexed([0, 0, 0]), 16);
        assert_eq!(indexed([255, 255, 255]), 231);
        assert_eq!(indexed([255, 0, 0]), 196);
    }
}
