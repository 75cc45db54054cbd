//! Image tables in parquet files, as written by Hugging Face's datasets: a column of encoded
//! pictures (`image.bytes`), a column of labels, and class names in the metadata.

use super::options::OpenOptions;
use super::parquet::{MAGIC, ParquetFile, ParquetValue};
use super::pictures::{PictureDimensions, SAMPLE, resized_note};
use super::source::SourceFile;
use super::split_images::Labels;
use super::split_images::SplitImages;
use super::splits::{Split, Splits};
use crate::data::decode::decode_bytes;
use crate::data::{DataError, Images};
use std::sync::Arc;

const FORMAT: &str = "parquet";
const LABEL_NAMES: [&str; 8] =
    ["label", "labels", "fine_label", "class", "target", "y", "digit", "category"];
const ADVICE: &str =
    "expected a column of encoded pictures (image.bytes) and a column of labels (label)";

pub(super) fn recognises(source: &SourceFile) -> bool {
    source.head.starts_with(MAGIC)
}

/// Reads all files of a directory; file names determine the split.
pub(super) fn read(sources: &[SourceFile], options: &OpenOptions) -> Result<Splits, DataError> {
    let mut parts = Splits { resized: true, ..Splits::default() };
    let mut plan = None;
    for source in sources {
        let split = Split::of(&source.name()).unwrap_or(Split::Train);
        let mut shard = ParquetShard::open(source)?;
        parts.classes = parts.classes.take().or_else(|| shard.classes());
        let mut planned = match plan {
            Some(plan) => plan,
            None => shard.plan(options)?,
        };
        let mut part = shard.decode(planned, options, &mut parts.notes)?;
        if part.is_none() {
            planned.channels = 3;
            part = shard.decode(planned, options, &mut parts.notes)?;
        }
        let part = part.ok_or_else(|| source.unsuitable("holds no picture", ADVICE))?;
        plan = Some(planned);
        // Grey images of this split are converted to colour now, those of other splits at the end.
        if let Some(before) =
            parts.slot(split).as_mut().filter(|before| before.images.channels < planned.channels)
        {
            crate::data::orient::to_colour(&mut before.images);
        }
        parts.add(split, part)?;
    }
    parts.notes.dedup();
    Ok(parts)
}

/// One file of a data set.
struct ParquetShard<'a> {
    source: &'a SourceFile,
    table: ParquetFile,
    image: usize,
    label: usize,
}

impl<'a> ParquetShard<'a> {
    fn open(source: &'a SourceFile) -> Result<Self, DataError> {
        let table =
            ParquetFile::open(&source.path).map_err(|problem| source.damaged(FORMAT, problem))?;
        let paths: Vec<&str> = table.columns.iter().map(|column| column.path.as_str()).collect();
        let listed = || paths.join(", ");
        let image = paths
            .iter()
            .position(|path| path.rsplit('.').next() == Some("bytes") && path.len() > 5)
            .or_else(|| {
                paths.iter().position(|path| ["image", "img", "picture", "png"].contains(path))
            });
        let Some(image) = image else {
            return Err(source
                .unsuitable(format!("has no column of pictures: it has {}", listed()), ADVICE));
        };
        let label = LABEL_NAMES
            .iter()
            .find_map(|name| paths.iter().position(|path| path.eq_ignore_ascii_case(name)));
        let Some(label) = label else {
            return Err(
                source.unsuitable(format!("has no column of labels: it has {}", listed()), ADVICE)
            );
        };
        Ok(Self { source, table, image, label })
    }

    /// The class names in Hugging Face's metadata.
    fn classes(&self) -> Option<Vec<String>> {
        let (_, text) = self.table.metadata.iter().find(|(key, _)| key == "huggingface")?;
        let metadata: serde_json::Value = serde_json::from_str(text).ok()?;
        let column = &self.table.columns[self.label].path;
        let names = metadata.get("info")?.get("features")?.get(column)?.get("names")?.as_array()?;
        names.iter().map(|name| name.as_str().map(String::from)).collect()
    }

    fn column(&mut self, group: usize, column: usize) -> Result<Vec<ParquetValue>, DataError> {
        let rows = self.table.read(group, column);
        let rows = rows.map_err(|problem| self.source.damaged(FORMAT, problem))?;
        Ok(rows.into_iter().map(|mut row| row.pop().unwrap_or(ParquetValue::Null)).collect())
    }

    /// The size and channels for all pictures, based on the first [`SAMPLE`].
    fn plan(&mut self, options: &OpenOptions) -> Result<PictureDimensions, DataError> {
        let mut sample = Vec::new();
        for group in 0..self.table.groups() {
            let cells = self.column(group, self.image)?;
            sample.extend(cells.into_iter().take(SAMPLE - sample.len()));
            if sample.len() == SAMPLE {
                break;
            }
        }
        let pictures = sample.iter().filter_map(|cell| match cell {
            ParquetValue::Bytes(bytes) => Some(decode_bytes(bytes)),
            _ => None,
        });
        let plan = PictureDimensions::of(pictures, options).ok_or_else(|| {
            self.source.unsuitable("holds no picture that can be decoded", ADVICE)
        })?;
        plan.check(&self.source.path, self.table.rows as usize, self.source.len)?;
        Ok(plan)
    }

    /// Decodes all pictures; `None` if one is coloured but the plan is grey.
    fn decode(
        &mut self,
        plan: PictureDimensions,
        options: &OpenOptions,
        notes: &mut Vec<String>,
    ) -> Result<Option<SplitImages>, DataError> {
        plan.check(&self.source.path, self.table.rows as usize, self.source.len)?;
        let (width, height) = plan.size;
        let channels = plan.channels;
        let mut images = Images { width, height, channels, ..Images::default() };
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        let (mut resized, mut broken, mut all) = (0, 0, 0);
        for group in 0..self.table.groups() {
            let labels = self.column(group, self.label)?;
            let pictures: Vec<Option<Arc<[u8]>>> = self
                .column(group, self.image)?
                .into_iter()
                .map(|cell| match cell {
                    ParquetValue::Bytes(bytes) => Some(Arc::from(&bytes[..])),
                    _ => None,
                })
                .collect();
            if labels.len() != pictures.len() {
                let problem = format!("{} pictures and {} labels", pictures.len(), labels.len());
                return Err(self.source.damaged(FORMAT, problem));
            }
            let read =
                |bytes: &Option<Arc<[u8]>>| decode_bytes(bytes.as_deref().unwrap_or_default());
            let Some(decoded) = plan.decode(&pictures, read, options) else { return Ok(None) };
            resized += decoded.resized;
            broken += decoded.broken.len();
            all += decoded.whole.len();
            images.pixels.extend_from_slice(&decoded.pixels);
            for index in decoded.whole {
                match &labels[index] {
                    ParquetValue::Int(number) => numbers.push(*number),
                    ParquetValue::Real(number) if number.fract() == 0.0 => {
                        numbers.push(*number as i64);
                    }
                    ParquetValue::Bytes(bytes) => {
                        texts.push(String::from_utf8_lossy(bytes).into_owned());
                    }
                    _ => {
                        let problem = format!("row {index} of row group {group} has no label");
                        return Err(self.source.unsuitable(problem, ADVICE));
                    }
                }
            }
        }
        notes.extend(resized_note(resized, all, plan, options));
        if broken > 0 {
            let name = self.source.path.file_name().unwrap_or_default().display().to_string();
            notes.push(format!("{broken} pictures of {name} that cannot be decoded were skipped"));
        }
        let labels =
            if texts.is_empty() { Labels::Numbers(numbers) } else { Labels::of_texts(texts) };
        Ok(Some(SplitImages { file: self.source.path.clone(), images, labels }))
    }
}
