//! Converts labels in files to class numbers and class names.

use super::split_images::{Labels, SplitImages};
use crate::data::DataError;
use std::collections::BTreeSet;
use std::path::Path;

/// Maximum number of classes: a label is a byte.
pub(super) const MAX_CLASSES: usize = 256;

/// Numbers the labels of all splits from 0 and returns the class names: `given`, or derived from
/// the labels.
///
/// # Errors
/// If a label is not among the classes, or there are too many classes.
pub(super) fn number_labels(
    parts: &mut [&mut SplitImages],
    given: Option<Vec<String>>,
) -> Result<Vec<String>, DataError> {
    for part in &*parts {
        let images = part.images.pixels.len() / part.images.pixels_per_image().max(1);
        if images != part.labels.len() {
            let (image_file, label_file) = (part.file.clone(), part.file.clone());
            return Err(DataError::Counts {
                image_file,
                images,
                label_file,
                labels: part.labels.len(),
            });
        }
    }
    let named = parts.iter().any(|part| matches!(part.labels, Labels::Names(_)));
    if named { by_name(parts, given) } else { by_number(parts, given) }
}

fn by_name(
    parts: &mut [&mut SplitImages],
    given: Option<Vec<String>>,
) -> Result<Vec<String>, DataError> {
    let labels: Vec<Vec<String>> =
        parts.iter_mut().map(|part| std::mem::take(&mut part.labels).into_names()).collect();
    let distinct: BTreeSet<&String> = labels.iter().flatten().collect();
    let classes = match given {
        Some(given) if distinct.iter().all(|name| given.contains(name)) => given,
        _ => distinct.into_iter().cloned().collect(),
    };
    if classes.len() > MAX_CLASSES {
        return Err(DataError::TooManyClasses {
            file: parts[0].file.clone(),
            classes: classes.len(),
        });
    }
    let numbers: std::collections::HashMap<&str, u8> =
        classes.iter().zip(0_u8..=255).map(|(name, number)| (name.as_str(), number)).collect();
    for (part, labels) in parts.iter_mut().zip(&labels) {
        part.images.labels = labels.iter().map(|name| numbers[name.as_str()]).collect();
    }
    Ok(classes)
}

/// Labels are numbers that start at 0, or at 1 as in EMNIST Letters.
fn by_number(
    parts: &mut [&mut SplitImages],
    given: Option<Vec<String>>,
) -> Result<Vec<String>, DataError> {
    let mut seen = BTreeSet::new();
    for part in &*parts {
        if let Labels::Numbers(numbers) = &part.labels {
            seen.extend(numbers.iter().copied());
        }
    }
    let lowest = seen.first().copied().unwrap_or(0);
    let highest = seen.last().copied().unwrap_or(0);
    let count = if let Some(names) = &given {
        names.len()
    } else {
        // A single invalid label in a damaged file must not create hundreds of classes: there is at
        // most one class more than distinct labels in the training split.
        let mut train = BTreeSet::new();
        if let Labels::Numbers(numbers) = &parts[0].labels {
            train.extend(numbers.iter().copied());
        }
        let highest = train.last().copied().unwrap_or(0);
        let count = highest.saturating_sub(lowest.clamp(0, 1)).saturating_add(1);
        (count.max(2) as usize).min((train.len() + 1).max(2))
    };
    // Labels start at 1 if no label is 0 and one equals the number of classes.
    let first = match &given {
        Some(_) => i64::from(lowest == 1 && highest == count as i64),
        None => lowest.clamp(0, 1),
    };
    if count > MAX_CLASSES {
        return Err(DataError::TooManyClasses { file: parts[0].file.clone(), classes: count });
    }
    for part in parts {
        let Labels::Numbers(numbers) = std::mem::take(&mut part.labels) else { continue };
        let wrong = |label: i64| label < first || label - first >= count as i64;
        if let Some(index) = numbers.iter().position(|&label| wrong(label)) {
            let label = numbers[index].to_string();
            return Err(DataError::Label { file: part.file.clone(), index, label, classes: count });
        }
        part.images.labels = numbers.iter().map(|label| (label - first) as u8).collect();
    }
    Ok(given
        .unwrap_or_else(|| (first..first + count as i64).map(|class| class.to_string()).collect()))
}

/// Parses class names, one per line.
pub(super) fn names_by_line(file: &Path, text: &str) -> Result<Vec<String>, DataError> {
    let names: Vec<String> = text
        .trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(String::from)
        .collect();
    if (2..=MAX_CLASSES).contains(&names.len()) {
        return Ok(names);
    }
    Err(DataError::Classes { file: file.into(), problem: format!("names {} classes", names.len()) })
}

/// Parses EMNIST's mapping: each line has a label and the code points of its characters (`1 65 97`
/// for A and a). `None` if the text is not such a mapping.
pub(super) fn names_by_mapping(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut first = None;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let numbers: Vec<u32> =
            line.split_whitespace().map(|word| word.parse().ok()).collect::<Option<_>>()?;
        let [label, character, ..] = numbers[..] else { return None };
        let first = *first.get_or_insert(label);
        if first > 1 || label as usize != first as usize + names.len() {
            return None;
        }
        names.push(char::from_u32(character)?.to_string());
    }
    (2..=MAX_CLASSES).contains(&names.len()).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Images;

    fn part(labels: Labels) -> SplitImages {
        let images =
            Images { width: 1, height: 1, pixels: vec![0; labels.len()], ..Images::default() };
        SplitImages { file: "labels".into(), images, labels }
    }

    fn numbered(
        numbers: &[&[i64]],
        given: Option<&[&str]>,
    ) -> Result<(Vec<String>, Vec<Vec<u8>>), String> {
        let mut parts: Vec<SplitImages> =
            numbers.iter().map(|numbers| part(Labels::Numbers(numbers.to_vec()))).collect();
        let given = given.map(|names| names.iter().map(ToString::to_string).collect());
        let mut references: Vec<&mut SplitImages> = parts.iter_mut().collect();
        let classes = number_labels(&mut references, given).map_err(|error| error.to_string())?;
        Ok((classes, parts.into_iter().map(|part| part.images.labels).collect()))
    }

    #[test]
    fn labels_from_1_are_renumbered_and_named() {
        let (classes, labels) =
            numbered(&[&[1, 2, 3, 4], &[4, 1]], Some(&["A", "B", "C", "D"])).unwrap();
        assert_eq!(classes, ["A", "B", "C", "D"]);
        assert_eq!(labels, [vec![0, 1, 2, 3], vec![3, 0]]);
        let (classes, labels) = numbered(&[&[1, 2, 3]], None).unwrap();
        assert_eq!(
            (classes, labels),
            (vec!["1".into(), "2".into(), "3".into()], vec![vec![0, 1, 2]])
        );
    }

    #[test]
    fn labels_start_at_0_if_a_class_is_missing() {
        // Class 0 does not occur, but with four names labels may be up to 3.
        let (_, labels) = numbered(&[&[1, 2, 3]], Some(&["A", "B", "C", "D"])).unwrap();
        assert_eq!(labels, [[1, 2, 3]]);
        let (classes, _) = numbered(&[&[0, 1, 3]], None).unwrap();
        assert_eq!(classes.len(), 4);
    }

    #[test]
    fn an_invalid_label_is_an_error_with_its_position() {
        let error = numbered(&[&[0, 1, 2, 200, 1]], None).unwrap_err();
        assert!(error.contains("image 3 has label 200"), "{error}");
        let error = numbered(&[&[0, 1, 2], &[2, 3]], None).unwrap_err();
        assert!(error.contains("image 1 has label 3, outside the 3 classes"), "{error}");
        let error = numbered(&[&[0, -1]], Some(&["a", "b"])).unwrap_err();
        assert!(error.contains("image 1 has label -1"), "{error}");
    }

    #[test]
    fn class_names_are_numbered_in_order() {
        let names = |names: &[&str]| Labels::Names(names.iter().map(ToString::to_string).collect());
        let (mut first, mut second) = (part(names(&["dog", "cat"])), part(names(&["emu", "dog"])));
        let classes = number_labels(&mut [&mut first, &mut second], None).unwrap();
        assert_eq!(classes, ["cat", "dog", "emu"]);
        assert_eq!((first.images.labels, second.images.labels), (vec![1, 0], vec![2, 1]));
    }

    #[test]
    fn numeric_texts_become_numbers() {
        let texts =
            |texts: &[&str]| Labels::of_texts(texts.iter().map(ToString::to_string).collect());
        assert_eq!(texts(&["3", " 4", "5.0"]), Labels::Numbers(vec![3, 4, 5]));
        assert!(matches!(texts(&["3", "four"]), Labels::Names(_)));
    }

    #[test]
    fn emnists_mapping_is_parsed_and_other_texts_are_not() {
        assert_eq!(names_by_mapping("1 65 97\n2 66 98\n").unwrap(), ["A", "B"]);
        assert_eq!(names_by_mapping("0 48\n1 49\n").unwrap(), ["0", "1"]);
        assert_eq!(names_by_mapping("T-shirt\nTrouser\n"), None);
        assert_eq!(names_by_mapping("0\n1\n2\n"), None);
        assert_eq!(names_by_mapping("0 48\n2 50\n"), None);
    }
}
