//! Whole lines of digits are read: the segmentation problem of the book's section 1.4.

mod cases;
pub mod compose;
mod photographs;
mod view;

pub use view::SCENES;

use compose::Composed;
use nntop::data::{Dataset, Scan};
use nntop::model::Model;
use nntop::reading::read;
use std::path::{Path, PathBuf};
use std::thread;

/// Number of lines.
const LINES: u64 = 1000;
/// The line of `assets/line.png`: two of its digits overlap.
const SAMPLE: u64 = 0;

/// A convolutional network; `assets/README.md` describes how it was trained.
pub fn reader() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/reader.safetensors")
}

/// Number of lines that were read completely, and of all lines.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    whole: u32,
    all: u32,
}

impl Count {
    fn add(&mut self, whole: bool) {
        self.whole += u32::from(whole);
        self.all += 1;
    }

    fn share(self) -> f64 {
        f64::from(self.whole) / f64::from(self.all)
    }
}

/// Lines whose gaps are all at least one pixel, and lines with touching neighbours.
fn measure(model: &Model, data: &Dataset, lines: impl Iterator<Item = u64>) -> [Count; 2] {
    let mut counts = [Count::default(); 2];
    for number in lines {
        let line = Composed::of(&data.test, number);
        let scan = Scan::read(line.pgm().as_slice(), "line").unwrap();
        let reading = read(model, &scan).unwrap();
        let best = reading.lines.iter().flat_map(|line| &line.segmentations[0].digits);
        let predicted: Vec<u8> = best.map(|digit| digit.prediction as u8).collect();
        counts[usize::from(line.touches())].add(predicted == line.labels);
    }
    counts
}

/// Saves the sample line, if pictures were requested.
fn save_sample(data: &Dataset, directory: &Path) {
    let Composed { width, height, shades, .. } = Composed::of(&data.test, SAMPLE);
    let picture = image::GrayImage::from_raw(width as u32, height as u32, shades).unwrap();
    picture.save(directory.join("line.png")).unwrap();
}

#[test]
fn lines_of_five_test_images_are_read_whole() {
    let model = Model::load(&reader()).unwrap();
    let data = Dataset::embedded();
    let parts: Vec<[Count; 2]> = thread::scope(|scope| {
        let part = |first| {
            let (model, data) = (&model, &data);
            scope.spawn(move || measure(model, data, (first..LINES).step_by(2)))
        };
        let threads = [part(0), part(1)];
        threads.map(|thread| thread.join().unwrap()).into()
    });
    let count = |at: usize| Count {
        whole: parts.iter().map(|part| part[at].whole).sum(),
        all: parts.iter().map(|part| part[at].all).sum(),
    };
    let (apart, touching) = (count(0), count(1));
    if let Some(directory) = std::env::var_os("NNTOP_PICTURES") {
        save_sample(&data, Path::new(&directory));
    }
    eprintln!("gaps of a pixel or more: {apart:?} {:.2}%", 100.0 * apart.share());
    eprintln!("touching neighbours: {touching:?} {:.2}%", 100.0 * touching.share());
    assert_eq!(u64::from(apart.all + touching.all), LINES);
    assert!(apart.share() >= 0.95, "{apart:?} of lines with gaps of a pixel or more");
    assert!(touching.share() >= 0.80, "{touching:?} of lines with touching neighbours");
}
