//! Drawings made by hand, in grey or in colour.

use super::{Distortion, Picture};

/// A drawing: light on a black background.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drawing {
    pub width: usize,
    pub height: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Row-major, the channels of a pixel side by side; 0 is background.
    pub ink: Vec<u8>,
}

impl Drawing {
    #[must_use]
    pub fn blank(width: usize, height: usize, channels: usize) -> Self {
        Self { width, height, channels, ink: vec![0; width * height * channels] }
    }

    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.ink.iter().all(|ink| *ink == 0)
    }

    /// The network's input: a grey digit is scaled and centred as in MNIST; a colour image is used
    /// unchanged. Then the same distortion is applied to every channel.
    #[must_use]
    pub fn to_input(&self, distortion: &Distortion) -> Self {
        let size = (self.width, self.height);
        let planes: Vec<Vec<u8>> = (0..self.channels)
            .map(|channel| {
                let ink = self.ink.iter().skip(channel).step_by(self.channels).copied().collect();
                let plane = Picture { width: self.width, height: self.height, ink };
                let plane =
                    if self.channels == 1 { plane.normalized(size.0, size.1) } else { plane.ink };
                distortion.apply(&plane, size)
            })
            .collect();
        let pixels = 0..self.width * self.height;
        let ink = pixels.flat_map(|at| planes.iter().map(move |plane| plane[at])).collect();
        Self { ink, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_image_is_not_centred_and_all_channels_move_together() {
        let mut drawn = Drawing::blank(3, 1, 3);
        drawn.ink[..3].copy_from_slice(&[200, 0, 90]);
        assert_eq!(drawn.to_input(&Distortion::default()), drawn);
        let moved = drawn.to_input(&Distortion { right: 1.0, ..Distortion::default() });
        assert_eq!(moved.ink, [0, 0, 0, 200, 0, 90, 0, 0, 0]);
    }

    #[test]
    fn a_grey_digit_is_scaled_and_centred() {
        let mut drawn = Drawing::blank(28, 28, 1);
        drawn.ink[29] = 255;
        let seen = drawn.to_input(&Distortion::default());
        assert!(seen.ink.iter().filter(|ink| **ink > 0).count() > 300);
        assert!(Drawing::blank(28, 28, 1).to_input(&Distortion::default()).is_blank());
    }
}
