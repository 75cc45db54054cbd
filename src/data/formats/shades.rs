//! Converts numbers of any range to shades from 0 to 255.

/// Whole numbers of which none exceeds this limit are scaled so that the largest becomes 255, such
/// as 0 to 16 in UCI's digits.
const FEW: f32 = 64.0;

/// Numbers collected until their range is known; stored as bytes while they fit.
#[derive(Clone, Debug)]
pub(super) enum Shades {
    Bytes(Vec<u8>),
    Reals(Vec<f32>),
}

impl Default for Shades {
    fn default() -> Self {
        Self::Bytes(Vec::new())
    }
}

impl Shades {
    pub fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Reals(reals) => reals.len(),
        }
    }

    pub fn push(&mut self, value: f32) {
        match self {
            Self::Bytes(bytes) => {
                let byte = value as u8;
                if f32::from(byte).to_bits() == value.to_bits() {
                    return bytes.push(byte);
                }
                let mut reals: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte)).collect();
                reals.push(value);
                *self = Self::Reals(reals);
            }
            Self::Reals(reals) => reals.push(value),
        }
    }

    /// Converts to bytes from 0 to 255; also returns a note if the conversion is not obvious.
    ///
    /// # Errors
    /// A message if a number is not finite.
    pub fn finish(self) -> Result<(Vec<u8>, Option<String>), String> {
        let whole = matches!(self, Self::Bytes(_));
        let (lowest, highest) = self.range();
        if !(lowest.is_finite() && highest.is_finite()) {
            return Err("a pixel is not a finite number".into());
        }
        let all_shades = |note: String| (lowest, 255.0 / (highest - lowest), Some(note));
        let (low, factor, note) = match self {
            _ if lowest < 0.0 => {
                all_shades(format!("pixels from {lowest} to {highest} were scaled to 0 to 255"))
            }
            Self::Bytes(bytes) if highest > FEW || highest == 0.0 => return Ok((bytes, None)),
            _ if highest == 0.0 => (0.0, 1.0, None),
            _ if highest <= 1.0 => (0.0, 255.0, None),
            _ if whole => (
                0.0,
                255.0 / highest,
                Some(format!("pixels from 0 to {highest} were scaled to 0 to 255")),
            ),
            _ if highest <= 255.0 => (0.0, 1.0, None),
            _ => (
                0.0,
                255.0 / highest,
                Some(format!("pixels from 0 to {highest} were scaled to 0 to 255")),
            ),
        };
        let shade = |value: f32| ((value - low) * factor).round() as u8;
        let bytes = match self {
            Self::Bytes(bytes) => bytes.iter().map(|&byte| shade(f32::from(byte))).collect(),
            Self::Reals(reals) => reals.iter().map(|&real| shade(real)).collect(),
        };
        Ok((bytes, note))
    }

    fn range(&self) -> (f32, f32) {
        match self {
            Self::Bytes(bytes) => {
                let end = |byte: Option<&u8>| byte.map_or(0.0, |&byte| f32::from(byte));
                (end(bytes.iter().min()), end(bytes.iter().max()))
            }
            // A NaN makes both ends NaN.
            Self::Reals(reals) => {
                reals.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| {
                    if x.is_nan() || low.is_nan() {
                        (f32::NAN, f32::NAN)
                    } else {
                        (low.min(x), high.max(x))
                    }
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shades(values: &[f32]) -> Result<(Vec<u8>, Option<String>), String> {
        let mut shades = Shades::default();
        for &value in values {
            shades.push(value);
        }
        assert_eq!(shades.len(), values.len());
        shades.finish()
    }

    #[test]
    fn common_ranges_are_scaled_to_255() {
        assert_eq!(shades(&[0.0, 200.0, 3.0]).unwrap(), (vec![0, 200, 3], None));
        assert_eq!(shades(&[0.0, 0.5, 1.0]).unwrap(), (vec![0, 128, 255], None));
        assert_eq!(shades(&[0.0, 1.0]).unwrap(), (vec![0, 255], None));
        assert_eq!(shades(&[0.0, 127.5, 255.0]).unwrap(), (vec![0, 128, 255], None));
        assert_eq!(shades(&[0.0, 0.0]).unwrap(), (vec![0, 0], None));
        let (few, note) = shades(&[0.0, 8.0, 16.0]).unwrap();
        assert_eq!(few, [0, 128, 255]);
        assert!(note.unwrap().contains("0 to 16"));
        let (centred, note) = shades(&[-1.0, 0.0, 1.0]).unwrap();
        assert_eq!(centred, [0, 128, 255]);
        assert!(note.unwrap().contains("-1 to 1"));
        assert_eq!(shades(&[0.0, 65535.0]).unwrap().0, [0, 255]);
    }

    #[test]
    fn non_finite_values_are_errors() {
        for wrong in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(shades(&[0.0, wrong, 1.0]).is_err(), "{wrong}");
        }
    }
}
