//! `nntop data`: describes a data set; and the arguments for opening one.

mod sheet;

use super::display::DisplayArgs;
use super::error::Usage;
use super::output::{self, Output};
use crate::data::{
    DataError, Dataset, DatasetSummary, Images, OpenOptions, PredictedDataset, first_of_each_class,
};
use crate::protocol::printable;
use clap::Args;
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Changes to the images of a data set.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ShapeArgs {
    /// Resize the images to this width and height [default: their own, or the most common]
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub(super) size: Option<(u32, u32)>,
    /// Transpose the images, as EMNIST requires
    #[arg(long)]
    pub(super) transpose: bool,
}

/// The data set to evaluate on.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct DataArgs {
    /// A data set of your own instead of the embedded MNIST (see `nntop data`)
    #[arg(long, value_name = "PATH")]
    pub(super) data: Option<PathBuf>,
    #[command(flatten)]
    pub(super) shape: ShapeArgs,
}

impl DataArgs {
    /// Opens the data set; prints the progress and notes about assumptions on a terminal.
    pub(super) fn open(&self) -> Result<Dataset, Usage> {
        let Some(path) = &self.data else { return Ok(Dataset::embedded()) };
        let data = with_progress(|progress| Dataset::open(path, &self.shape.options(progress)));
        let data = data.map_err(|error| Usage::value("--data", error))?;
        print_notes(&data);
        Ok(data)
    }
}

impl DataArgs {
    /// Reads a table of predictions; prints the progress of reading its images on a terminal.
    pub(super) fn predictions(&self, file: &Path) -> Result<PredictedDataset, Usage> {
        let read = |progress| PredictedDataset::open(file, &self.shape.options(progress));
        with_progress(read).map_err(|error| Usage::value("--predictions", error))
    }
}

impl ShapeArgs {
    fn options(&self, progress: Option<fn(usize, usize)>) -> OpenOptions {
        let size = self.size.map(|(width, height)| (width as usize, height as usize));
        OpenOptions { size, transpose: self.transpose, ..OpenOptions::cached(progress) }
    }
}

/// Parses width and height, such as `28x28`.
pub(super) fn size(text: &str) -> Result<(u32, u32), String> {
    let sides = text.split_once(['x', '×', 'X']);
    let sides = sides.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    sides
        .filter(|&(width, height)| (1..=1024).contains(&width) && (1..=1024).contains(&height))
        .ok_or_else(|| "give width and height from 1 to 1024, such as 28x28".into())
}

/// Prints what was assumed or omitted on standard error.
fn print_notes(data: &Dataset) {
    for note in &data.notes {
        // Standard error may be closed.
        let _ = writeln!(output::err(), "note: {note}");
    }
}

/// When the progress line was last written, to limit it to ten times a second.
static LAST: Mutex<Option<Instant>> = Mutex::new(None);

/// Reads a data set; shows the progress on a terminal if it takes long.
pub(super) fn with_progress<T>(
    read: impl FnOnce(Option<fn(usize, usize)>) -> Result<T, DataError>,
) -> Result<T, DataError> {
    if !output::err_is_terminal() {
        return read(None);
    }
    let data = read(Some(draw_progress));
    let drawn = LAST.lock().is_ok_and(|mut last| last.take().is_some());
    if drawn {
        let _ = output::err().replace_line("");
    }
    data
}

fn draw_progress(done: usize, all: usize) {
    const WIDTH: usize = 30;
    // Skip if another thread is writing.
    let Ok(mut last) = LAST.try_lock() else { return };
    if last.is_some_and(|last| last.elapsed() < Duration::from_millis(100)) {
        return;
    }
    *last = Some(Instant::now());
    let filled = (done * WIDTH / all.max(1)).min(WIDTH);
    let bar = format!("{}{}", "#".repeat(filled), ".".repeat(WIDTH - filled));
    let line = format!("decoding pictures [{bar}] {done} of {all}");
    let _ = output::err().replace_line(&line);
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// A file or a directory: IDX files, .npz or .npy arrays, CSV, parquet, CIFAR batches, the
    /// book's mnist.pkl.gz, or a folder of pictures [default: the embedded MNIST]
    path: Option<PathBuf>,
    #[command(flatten)]
    shape: ShapeArgs,
    /// Omit the contact sheet
    #[arg(long)]
    no_sheet: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The line of `--json`. Fields are added, never renamed.
#[derive(Serialize)]
struct DataRecord<'a> {
    event: &'static str,
    name: &'a str,
    width: usize,
    height: usize,
    channels: usize,
    train_images: usize,
    validation_images: usize,
    test_images: usize,
    classes: &'a [String],
    /// Number of training, validation and test images of each class.
    counts: &'a [[usize; 3]],
    duplicates: usize,
    contradictions: usize,
    leaked: usize,
    blank: usize,
    notes: &'a [String],
}

/// Prints the description of a data set.
pub(super) fn run(args: &ShowArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let data = match &args.path {
        Some(path) => {
            let data = with_progress(|progress| Dataset::open(path, &args.shape.options(progress)));
            data.map_err(|error| Usage::value("[PATH]", error))?
        }
        None => Dataset::embedded(),
    };
    let summary = DatasetSummary::of(&data);
    let mut out = output::out();
    if args.json {
        let Images { width, height, channels, .. } = data.train;
        let DatasetSummary { counts, duplicates, contradictions, leaked, blank } = &summary;
        let line = DataRecord {
            event: "data",
            name: &data.name,
            width,
            height,
            channels,
            train_images: data.train.len(),
            validation_images: data.validation.len(),
            test_images: data.test.len(),
            classes: &data.classes,
            counts,
            duplicates: *duplicates,
            contradictions: *contradictions,
            leaked: *leaked,
            blank: *blank,
            notes: &data.notes,
        };
        out.json(&line)?;
    } else {
        print(&mut out, &data, &summary)?;
        if !args.no_sheet {
            let columns = output::terminal_size().map_or(100, |(columns, _)| columns);
            let colours = output::out_is_terminal().then(|| display.theme());
            for (class, images) in first_of_each_class(&data, 12).iter().enumerate() {
                sheet::print(&mut out, &data.classes[class], images, columns, colours)?;
            }
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut Output, data: &Dataset, summary: &DatasetSummary) -> io::Result<()> {
    let Images { width, height, channels, .. } = data.train;
    let colour = if channels == 3 { "colour" } else { "grey" };
    writeln!(out, "{}: images of {width}×{height} pixels, {colour}", data.name)?;
    let widest = data.classes.iter().map(|name| printable(name).chars().count()).max().unwrap_or(0);
    let width = widest.clamp(5, 30);
    writeln!(out)?;
    writeln!(out, "{:width$} {:>9} {:>10} {:>9}", "class", "training", "validation", "test")?;
    for (name, [train, validation, test]) in data.classes.iter().zip(&summary.counts) {
        let name: String = printable(name).chars().take(width).collect();
        writeln!(out, "{name:width$} {train:>9} {validation:>10} {test:>9}")?;
    }
    let [train, validation, test] = [&data.train, &data.validation, &data.test].map(Images::len);
    writeln!(out, "{:width$} {train:>9} {validation:>10} {test:>9}", "all")?;
    writeln!(out)?;
    for (part, name) in ["training", "validation", "test"].iter().enumerate() {
        let missing = summary.missing(part);
        if !missing.is_empty() {
            let names: Vec<String> =
                missing.iter().map(|&class| data.classes[class].clone()).collect();
            writeln!(out, "no {name} image of: {}", names.join(", "))?;
        }
    }
    let DatasetSummary { duplicates, contradictions, leaked, blank, .. } = summary;
    writeln!(
        out,
        "{duplicates} images equal an earlier one, {contradictions} of them with another label"
    )?;
    if *leaked > 0 {
        writeln!(
            out,
            "{leaked} test images are also training images: the test accuracy is too high"
        )?;
    }
    if *blank > 0 {
        writeln!(out, "{blank} images are of a single shade")?;
    }
    for note in &data.notes {
        writeln!(out, "note: {note}")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_parsed_or_rejected_with_an_example() {
        assert_eq!(size("28x32"), Ok((28, 32)));
        for wrong in ["", "28", "0x3", "3x", "2000x2", "axb"] {
            assert!(size(wrong).unwrap_err().contains("28x28"), "{wrong}");
        }
    }

    #[test]
    fn the_summary_reports_missing_classes_and_duplicates() {
        let data = Dataset {
            name: "my\x1b[31mset".into(),
            classes: vec!["cat".into(), "dog".into()],
            train: Images {
                width: 1,
                height: 1,
                pixels: vec![1, 1],
                labels: vec![0, 1],
                ..Images::default()
            },
            test: Images {
                width: 1,
                height: 1,
                pixels: vec![1],
                labels: vec![0],
                ..Images::default()
            },
            ..Dataset::default()
        };
        let mut bytes = Vec::new();
        print(&mut Output::to(&mut bytes), &data, &DatasetSummary::of(&data)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("1×1 pixels, grey"), "{text}");
        assert!(text.contains("no test image of: dog"), "{text}");
        assert!(
            text.contains("2 images equal an earlier one, 1 of them with another label"),
            "{text}"
        );
        assert!(text.contains("1 test images are also training images"), "{text}");
        assert!(!text.contains('\x1b'), "{text:?}");
    }
}
