//! Decides which of the named arrays of an `.npz` file or a pickle are images and labels.

use super::classes::MAX_CLASSES;
use super::options::OpenOptions;
use super::shades::Shades;
use super::source::SourceFile;
use super::split_images::Labels;
use super::split_images::SplitImages;
use super::splits::{Split, Splits};
use crate::data::{DataError, Images};

/// Maximum width and height of an image in pixels.
const MAX_SIDE: usize = 4096;

/// An array of numbers or texts in row-major order.
#[derive(Clone, Debug)]
pub(super) struct Array {
    pub shape: Vec<usize>,
    pub values: Values,
}

#[derive(Clone, Debug)]
pub(super) enum Values {
    /// Pixels.
    Shades(Shades),
    /// Labels, one-hot rows or scores.
    Numbers(Vec<f64>),
    Texts(Vec<String>),
}

impl Array {
    /// The values as numbers; `None` for texts.
    pub fn into_numbers(self) -> Option<Vec<f64>> {
        match self.values {
            Values::Numbers(numbers) => Some(numbers),
            Values::Shades(Shades::Bytes(bytes)) => {
                Some(bytes.into_iter().map(f64::from).collect())
            }
            Values::Shades(Shades::Reals(reals)) => {
                Some(reals.into_iter().map(f64::from).collect())
            }
            Values::Texts(_) => None,
        }
    }

    fn into_shades(self) -> Option<Shades> {
        match self.values {
            Values::Shades(shades) => Some(shades),
            Values::Numbers(numbers) => {
                let mut shades = Shades::default();
                for number in numbers {
                    shades.push(number as f32);
                }
                Some(shades)
            }
            Values::Texts(_) => None,
        }
    }
}

/// What an array is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArrayPurpose {
    Images,
    Labels,
    /// Class names.
    Classes,
}

/// The use of an array, derived from its name and shape; `None` if it is not needed.
pub(super) fn use_of(name: &str, shape: &[usize], texts: bool) -> Option<ArrayPurpose> {
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphabetic()).collect();
    let says = |begin: &[&str]| words.iter().any(|word| begin.iter().any(|b| word.starts_with(b)));
    if says(&["pred", "prob", "logit", "score", "coarse", "filename", "path"]) {
        return None;
    }
    if texts && (says(&["class", "categor"]) || name.contains("names")) {
        return Some(ArrayPurpose::Classes);
    }
    let labelled = says(&["y", "label", "target", "class", "fine"]);
    match shape {
        [_] => (labelled || !says(&["x", "image", "data", "id"])).then_some(ArrayPurpose::Labels),
        [_, 1] => Some(ArrayPurpose::Labels),
        [_, columns] if labelled && *columns <= MAX_CLASSES => Some(ArrayPurpose::Labels),
        [_, columns] if *columns >= 4 => Some(ArrayPurpose::Images),
        [_, _, _] | [_, _, _, _] => Some(ArrayPurpose::Images),
        _ => None,
    }
}

/// Width, height, number of channels, and whether the channels are planar.
fn layout(shape: &[usize], options: &OpenOptions) -> Option<(usize, usize, usize, bool)> {
    let channels = |count: &usize| matches!(count, 1 | 3 | 4);
    match shape {
        [_, height, width] => Some((*width, *height, 1, false)),
        [_, height, width, count] if channels(count) => Some((*width, *height, *count, false)),
        [_, count, height, width] if channels(count) => Some((*width, *height, *count, true)),
        [_, pixels] => {
            let (width, height, channels) = size_of_row(*pixels, options);
            Some((width, height, channels, true))
        }
        _ => None,
    }
}

/// Width, height and channels of an image with this many values: the requested size, a grey square,
/// a square with three channels, or a single row of pixels.
pub(super) fn size_of_row(pixels: usize, options: &OpenOptions) -> (usize, usize, usize) {
    if let Some((width, height)) = options.size {
        for channels in [1, 3] {
            if width * height * channels == pixels {
                return (width, height, channels);
            }
        }
    }
    let side = pixels.isqrt();
    if side * side == pixels {
        return (side, side, 1);
    }
    let side = (pixels / 3).isqrt();
    if side * side * 3 == pixels { (side, side, 3) } else { (pixels, 1, 1) }
}

/// Converts an array to images without labels.
///
/// # Errors
/// If the array does not have the shape or values of images.
pub(super) fn images(
    source: &SourceFile,
    name: &str,
    array: Array,
    options: &OpenOptions,
    notes: &mut Vec<String>,
) -> Result<Images, DataError> {
    let advice = "images are arrays of shape (N, height, width), (N, height, width, 3), (N, 3, height, width) or (N, pixels)";
    let shape = array.shape.clone();
    let wrong = || source.unsuitable(format!("its array {name} has the shape {shape:?}"), advice);
    let (width, height, channels, planar) = layout(&shape, options).ok_or_else(wrong)?;
    if shape.contains(&0) || width > MAX_SIDE.max(height * MAX_SIDE) || height > MAX_SIDE {
        return Err(wrong());
    }
    let shades = array.into_shades().ok_or_else(wrong)?;
    let (mut pixels, note) = shades
        .finish()
        .map_err(|problem| source.unsuitable(format!("its array {name}: {problem}"), advice))?;
    notes.extend(note);
    if channels > 1 && planar {
        interleave(&mut pixels, channels, width * height);
    }
    if channels == 4 {
        pixels = pixels.chunks_exact(4).flat_map(|rgba| [rgba[0], rgba[1], rgba[2]]).collect();
        notes.push("the fourth channel (transparency) was dropped".into());
    }
    if shape.len() == 2 && channels == 3 {
        notes.push(format!(
            "{} numbers per row are {width}×{height} pixels of red, then green, then blue",
            shape[1]
        ));
    }
    Ok(Images {
        width,
        height,
        channels: if channels == 4 { 3 } else { channels },
        pixels,
        labels: Vec::new(),
    })
}

/// Converts planar channels to interleaved ones.
pub(super) fn interleave(pixels: &mut [u8], channels: usize, plane: usize) {
    let mut copy = vec![0; channels * plane];
    for image in pixels.chunks_exact_mut(channels * plane) {
        copy.copy_from_slice(image);
        for (at, pixel) in image.chunks_exact_mut(channels).enumerate() {
            pixel
                .iter_mut()
                .enumerate()
                .for_each(|(channel, value)| *value = copy[channel * plane + at]);
        }
    }
}

/// Converts an array to labels: numbers, texts, or one-hot rows.
///
/// # Errors
/// If a label is not a whole number.
pub(super) fn labels(source: &SourceFile, name: &str, array: Array) -> Result<Labels, DataError> {
    let advice = "labels are whole numbers or names, one per image, or one-hot rows";
    let wrong = |problem: String| source.unsuitable(format!("its array {name} {problem}"), advice);
    let shape = array.shape.clone();
    let columns = match shape[..] {
        [_] => 1,
        [_, columns] => columns,
        _ => return Err(wrong(format!("has the shape {shape:?}"))),
    };
    if let Values::Texts(texts) = array.values {
        return Ok(Labels::of_texts(texts));
    }
    let numbers = array.into_numbers().unwrap_or_default();
    if columns > 1 {
        let largest = |row: &[f64]| {
            let best = (0..columns).max_by(|&a, &b| row[a].total_cmp(&row[b]));
            best.unwrap_or(0) as i64
        };
        return Ok(Labels::Numbers(numbers.chunks_exact(columns).map(largest).collect()));
    }
    match numbers.iter().find(|number| number.fract() != 0.0 || number.abs() > 1e15) {
        Some(number) => Err(wrong(format!("holds {number}"))),
        None => Ok(Labels::Numbers(numbers.iter().map(|&number| number as i64).collect())),
    }
}

/// An array of a data set, with its split and its purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArrayChoice {
    pub index: usize,
    pub split: Split,
    pub purpose: ArrayPurpose,
}

/// Chooses the arrays of a data set by name and shape: images and labels of every split, and the
/// class names.
///
/// # Errors
/// A message if there are no images, or images without labels.
pub(super) fn choose(named: &[(String, Vec<usize>, bool)]) -> Result<Vec<ArrayChoice>, String> {
    let list = || -> String {
        let texts: Vec<String> =
            named.iter().take(12).map(|(name, shape, _)| format!("{name} {shape:?}")).collect();
        if texts.is_empty() { "nothing".into() } else { texts.join(", ") }
    };
    let uses: Vec<Option<ArrayPurpose>> =
        named.iter().map(|(name, shape, texts)| use_of(name, shape, *texts)).collect();
    let mut chosen = Vec::new();
    for split in Split::ALL {
        let of = |purpose: ArrayPurpose| {
            let members = named.iter().zip(&uses).enumerate();
            members.filter(move |(_, ((name, _, _), found))| {
                **found == Some(purpose) && Split::of(name).unwrap_or(Split::Train) == split
            })
        };
        let mut images = of(ArrayPurpose::Images);
        let Some((index, ((name, shape, _), _))) = images.next() else { continue };
        if let Some((_, ((other, _, _), _))) = images.next() {
            return Err(format!(
                "has more than one array of {} images: {name} and {other} (arrays: {})",
                split.name(),
                list()
            ));
        }
        let rows = shape.first().copied().unwrap_or(0);
        let mut labels: Vec<_> = of(ArrayPurpose::Labels)
            .filter(|(_, ((_, shape, _), _))| shape.first() == Some(&rows))
            .collect();
        // Prefer names for labels: `y` rather than `arr_2`.
        labels.sort_by_key(|(_, ((name, _, _), _))| {
            let name = name.to_lowercase();
            let words = ["y", "label", "target", "fine"];
            words.iter().position(|word| name.contains(word)).unwrap_or(words.len())
        });
        let Some((label, _)) = labels.first() else {
            return Err(format!(
                "has no labels for the {rows} images of {name}: it holds {}",
                list()
            ));
        };
        chosen.push(ArrayChoice { index, split, purpose: ArrayPurpose::Images });
        chosen.push(ArrayChoice { index: *label, split, purpose: ArrayPurpose::Labels });
    }
    if chosen.is_empty() {
        return Err(format!("has no array of images: it holds {}", list()));
    }
    let classes = uses.iter().position(|purpose| *purpose == Some(ArrayPurpose::Classes));
    chosen.extend(classes.map(|index| ArrayChoice {
        index,
        split: Split::Train,
        purpose: ArrayPurpose::Classes,
    }));
    Ok(chosen)
}

/// Assembles the chosen arrays into splits; `load` reads an array.
///
/// # Errors
/// If an array cannot be read or used.
pub(super) fn assemble(
    source: &SourceFile,
    named: &[(String, Vec<usize>, bool)],
    chosen: &[ArrayChoice],
    options: &OpenOptions,
    mut load: impl FnMut(usize) -> Result<Array, DataError>,
) -> Result<Splits, DataError> {
    let mut parts = Splits::default();
    for choice in chosen {
        let (name, ..) = &named[choice.index];
        match choice.purpose {
            ArrayPurpose::Images => {
                let array = load(choice.index)?;
                let images = images(source, name, array, options, &mut parts.notes)?;
                let part =
                    SplitImages { file: source.path.clone(), images, labels: Labels::default() };
                parts.add(choice.split, part)?;
            }
            ArrayPurpose::Labels => {
                let labels = labels(source, name, load(choice.index)?)?;
                if let Some(part) = parts.slot(choice.split) {
                    part.labels = labels;
                }
            }
            ArrayPurpose::Classes => {
                if let Values::Texts(names) = load(choice.index)?.values {
                    parts.classes = Some(names);
                }
            }
        }
    }
    parts.notes.dedup();
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[(&str, &[usize])]) -> Result<Vec<(String, Split, ArrayPurpose)>, String> {
        let list: Vec<_> =
            names.iter().map(|(name, sizes)| ((*name).to_owned(), sizes.to_vec(), false)).collect();
        let choices = choose(&list)?;
        Ok(choices.into_iter().map(|c| (list[c.index].0.clone(), c.split, c.purpose)).collect())
    }

    #[test]
    fn common_array_names_are_recognised() {
        let keras: [(&str, &[usize]); 4] = [
            ("x_test", &[5, 28, 28]),
            ("x_train", &[20, 28, 28]),
            ("y_train", &[20]),
            ("y_test", &[5]),
        ];
        assert_eq!(
            chosen(&keras).unwrap(),
            [
                ("x_train".into(), Split::Train, ArrayPurpose::Images),
                ("y_train".into(), Split::Train, ArrayPurpose::Labels),
                ("x_test".into(), Split::Test, ArrayPurpose::Images),
                ("y_test".into(), Split::Test, ArrayPurpose::Labels),
            ]
        );
        let predictions: [(&str, &[usize]); 4] =
            [("images", &[9, 8, 8]), ("labels", &[9]), ("predictions", &[9]), ("probs", &[9, 10])];
        assert_eq!(chosen(&predictions).unwrap().len(), 2);
        let medical: [(&str, &[usize]); 4] = [
            ("train_images", &[9, 28, 28, 3]),
            ("val_images", &[3, 28, 28, 3]),
            ("train_labels", &[9, 1]),
            ("val_labels", &[3, 1]),
        ];
        assert_eq!(chosen(&medical).unwrap()[2].1, Split::Validation);
        assert_eq!(chosen(&[("arr_0", &[4, 9]), ("arr_1", &[4])]).unwrap().len(), 2);
    }

    #[test]
    fn missing_arrays_are_reported_with_the_existing_ones() {
        let error = chosen(&[("x", &[4, 8, 8])]).unwrap_err();
        assert!(error.contains("no labels") && error.contains("x [4, 8, 8]"), "{error}");
        let error = chosen(&[("weights", &[4])]).unwrap_err();
        assert!(error.contains("no array of images") && error.contains("weights"), "{error}");
        let error = chosen(&[("a", &[4, 8, 8]), ("b", &[4, 8, 8]), ("y", &[4])]).unwrap_err();
        assert!(error.contains("a and b"), "{error}");
    }

    #[test]
    fn channels_are_interleaved() {
        let mut pixels = vec![1, 2, 3, 4, 10, 20, 30, 40];
        interleave(&mut pixels, 2, 2);
        assert_eq!(pixels, [1, 3, 2, 4, 10, 30, 20, 40]);
    }

    #[test]
    fn a_row_of_numbers_is_a_square_or_the_requested_size() {
        let plain = OpenOptions::default();
        assert_eq!(size_of_row(784, &plain), (28, 28, 1));
        assert_eq!(size_of_row(3072, &plain), (32, 32, 3));
        assert_eq!(size_of_row(320, &plain), (320, 1, 1));
        let asked = OpenOptions { size: Some((16, 20)), ..plain };
        assert_eq!(size_of_row(320, &asked), (16, 20, 1));
    }
}
