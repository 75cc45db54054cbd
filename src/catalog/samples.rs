//! Histograms, pictures and texts of a run, for front ends.

use super::run::{LoggedSample, Run};
use crate::protocol::{Bitmap, SampleContent, SampleKind, SampleSeries, TensorHistogram};
use image::{ImageReader, Limits};
use std::io::Cursor;

/// Maximum width and height of a picture for front ends, in pixels: more than a terminal can show.
/// Larger pictures are reduced.
const MAX_SHOWN: u32 = 640;
/// Maximum width and height of a picture in a log, in pixels.
const MAX_DECODED: u32 = 1 << 14;
/// Maximum memory for decoding a picture, in bytes.
const MAX_BYTES: u64 = 256 << 20;

/// The names of one kind, in the order of first occurrence, with their steps.
pub fn series(run: &Run, kind: SampleKind) -> Vec<SampleSeries> {
    match kind {
        SampleKind::Histogram => by_name(&run.histograms),
        SampleKind::Image => by_name(&run.images),
        SampleKind::Text => by_name(&run.texts),
    }
}

fn by_name<T>(samples: &[LoggedSample<T>]) -> Vec<SampleSeries> {
    let mut series: Vec<SampleSeries> = Vec::new();
    for sample in samples {
        match series.iter_mut().find(|known| known.name == sample.name) {
            Some(known) => known.steps.push(sample.step),
            None => {
                series.push(SampleSeries { name: sample.name.clone(), steps: vec![sample.step] });
            }
        }
    }
    series
}

/// Number of names of each kind: histograms, pictures, texts.
pub fn counts(run: &Run) -> [usize; 3] {
    [SampleKind::Histogram, SampleKind::Image, SampleKind::Text].map(|kind| series(run, kind).len())
}

/// The content of a sample, before decoding.
pub enum RawSample {
    Image(Vec<u8>),
    Text(String),
}

/// The sample of a name at an index of its series.
pub fn raw(run: &Run, kind: SampleKind, name: &str, place: usize) -> Option<RawSample> {
    match kind {
        SampleKind::Histogram => None,
        SampleKind::Image => {
            at(&run.images, name, place).map(|image| RawSample::Image(image.clone()))
        }
        SampleKind::Text => at(&run.texts, name, place).map(|text| RawSample::Text(text.clone())),
    }
}

fn at<'a, T>(samples: &'a [LoggedSample<T>], name: &str, place: usize) -> Option<&'a T> {
    let mut named = samples.iter().filter(|sample| sample.name == name);
    named.nth(place).map(|sample| &sample.content)
}

impl RawSample {
    /// Decodes a picture; a text is returned as it is.
    pub fn decode(self) -> SampleContent {
        match self {
            Self::Text(text) => SampleContent::Text(text),
            Self::Image(bytes) => match picture(&bytes) {
                Ok(bitmap) => SampleContent::Image(bitmap),
                Err(error) => SampleContent::Broken(error.to_string()),
            },
        }
    }
}

fn picture(bytes: &[u8]) -> image::ImageResult<Bitmap> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_DECODED);
    limits.max_image_height = Some(MAX_DECODED);
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut image = reader.decode()?;
    if image.width().max(image.height()) > MAX_SHOWN {
        image = image.thumbnail(MAX_SHOWN, MAX_SHOWN);
    }
    let image = image.into_rgb8();
    Ok(Bitmap {
        width: image.width() as usize,
        height: image.height() as usize,
        pixels: image.pixels().map(|pixel| pixel.0).collect(),
    })
}

/// The histograms of a name, oldest first.
pub fn histograms(run: &Run, name: &str) -> Vec<TensorHistogram> {
    let named = run.histograms.iter().filter(|sample| sample.name == name);
    named
        .map(|sample| TensorHistogram {
            step: sample.step,
            buckets: sample.content.iter().map(|b| [b.left, b.right, b.count]).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::LogRecord;

    #[test]
    fn pictures_are_decoded_and_others_give_an_error() {
        let mut png = Vec::new();
        let image = image::RgbImage::from_fn(2, 1, |x, _| image::Rgb([x as u8, 7, 255]));
        image.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
        let mut run = Run::new("r".to_owned());
        for (step, encoded) in [(1, png.as_slice()), (2, b"nothing")] {
            run.apply(0, &LogRecord::Image { name: "x", step, wall_time: 0.0, encoded });
        }
        assert_eq!(series(&run, SampleKind::Image)[0].steps, [1, 2]);
        assert_eq!(counts(&run), [0, 1, 0]);
        let decoded = |place| raw(&run, SampleKind::Image, "x", place).unwrap().decode();
        let pixels = vec![[0, 7, 255], [1, 7, 255]];
        assert_eq!(decoded(0), SampleContent::Image(Bitmap { width: 2, height: 1, pixels }));
        assert!(matches!(decoded(1), SampleContent::Broken(_)));
        assert!(raw(&run, SampleKind::Image, "x", 2).is_none());
    }
}
