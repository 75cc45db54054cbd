//! Serialization of numbers that may not be finite.
//!
//! JSON has neither infinities nor NaN: both are written as `null`, which is read as NaN. Binary
//! formats keep them.

use serde::{Deserialize, Deserializer};

/// A number; `null` in JSON if it is not finite.
struct JsonNumber(f64);

impl<'de> Deserialize<'de> for JsonNumber {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if !from.is_human_readable() {
            return f64::deserialize(from).map(Self);
        }
        Option::deserialize(from).map(|number| Self(number.unwrap_or(f64::NAN)))
    }
}

/// As [`JsonNumber`], in single precision.
struct Real32(f32);

impl<'de> Deserialize<'de> for Real32 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        if !from.is_human_readable() {
            return f32::deserialize(from).map(Self);
        }
        Option::deserialize(from).map(|number| Self(number.unwrap_or(f32::NAN)))
    }
}

pub(super) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    JsonNumber::deserialize(from).map(|real| real.0)
}

pub(super) fn values<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
    let values = Vec::<Real32>::deserialize(from)?;
    Ok(values.into_iter().map(|value| value.0).collect())
}

pub(super) fn points<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(f64, f64)>, D::Error> {
    let points = Vec::<(JsonNumber, JsonNumber)>::deserialize(from)?;
    Ok(points.into_iter().map(|(x, y)| (x.0, y.0)).collect())
}

pub(super) fn named<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, f64)>, D::Error> {
    let values = Vec::<(String, JsonNumber)>::deserialize(from)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.0)).collect())
}

pub(super) fn images<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<(String, Vec<f32>)>, D::Error> {
    let images = Vec::<(String, Vec<Real32>)>::deserialize(from)?;
    let plain = |values: Vec<Real32>| values.into_iter().map(|value| value.0).collect();
    Ok(images.into_iter().map(|(name, values)| (name, plain(values))).collect())
}

#[cfg(test)]
mod tests {
    use crate::protocol::{Bar, Curve, Event, Figure, FigureBody, LayerStats, Quantity};

    fn figures(not_finite: f64) -> Vec<FigureBody> {
        let curve = Curve { points: vec![(1.0, not_finite), (2.0, 0.5)], ..Curve::default() };
        let bar = Bar { value: not_finite, ..Bar::default() };
        let values = vec![0.25, not_finite as f32];
        let (x_label, y_label) = (String::new(), String::new());
        vec![
            FigureBody::Surface {
                x_label,
                y_label,
                x_range: [0.0, 1.0],
                y_range: [0.0, 1.0],
                width: 2,
                height: 1,
                values: values.clone(),
                paths: vec![curve],
            },
            FigureBody::Bars { unit: String::new(), bars: vec![bar] },
            FigureBody::Images {
                width: 2,
                height: 1,
                diverging: false,
                images: vec![("one".into(), values)],
            },
        ]
    }

    #[test]
    fn values_that_are_not_finite_are_nan_after_json() {
        for not_finite in [f64::NAN, f64::INFINITY] {
            for body in figures(not_finite) {
                let event = Event::Figure(Figure { body, ..Figure::default() });
                let json = serde_json::to_string(&event).unwrap();
                assert!(json.contains("null"), "{json}");
                let back: Event = serde_json::from_str(&json).unwrap();
                assert_eq!(serde_json::to_string(&back).unwrap(), json);
            }
            let layer = LayerStats { update_ratio: not_finite, dead: 0.5, ..LayerStats::default() };
            let json = serde_json::to_string(&layer).unwrap();
            let back: LayerStats = serde_json::from_str(&json).unwrap();
            assert!(back.update_ratio.is_nan() && back.dead > 0.0);
            let json = serde_json::to_string(&Quantity::Number(not_finite)).unwrap();
            let back: Quantity = serde_json::from_str(&json).unwrap();
            assert!(matches!(back, Quantity::Number(number) if number.is_nan()));
        }
    }

    #[test]
    fn the_binary_format_keeps_every_number() {
        for body in figures(f64::INFINITY) {
            let bytes = postcard::to_stdvec(&body).unwrap();
            assert_eq!(postcard::from_bytes::<FigureBody>(&bytes).unwrap(), body);
        }
    }
}
