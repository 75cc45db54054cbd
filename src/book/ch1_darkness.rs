//! A baseline without learning: how dark is the image? (section 1.6)

use super::Experiment;
use crate::data::Images;
use crate::jobs::{ExperimentError, JobContext, Tolerance};
use crate::protocol::{Bar, FigureBody};

pub(super) const EXPERIMENT: Experiment = Experiment {
    id: "1-darkness",
    chapter: 1,
    title: "How dark is the image?",
    expected: "22.25% of the test images; 10% by guessing at random",
    quick_suffices: true,
    run,
};

fn run(context: &mut JobContext) -> Result<(), ExperimentError> {
    let data = context.data();

    // A 2 is darker than a 1: compute the average amount of ink of each digit in the training
    // images.
    let averages = average_darkness(&data.train, data.classes.len());
    let bars = averages.iter().zip(&data.classes).map(|(&average, name)| Bar {
        name: name.clone(),
        value: average / 255.0 / data.train.pixels_per_image() as f64,
        highlighted: false,
    });
    context.figure(
        "darkness",
        "Average darkness of each digit",
        "Mean ink of the training images, from 0 (blank) to 1 (black).",
        FigureBody::Bars { unit: String::new(), bars: bars.collect() },
    );
    context.handle_commands()?;

    // The prediction is the digit whose average is nearest to the darkness of the image.
    let right = (0..data.test.len())
        .filter(|&index| {
            let guess = nearest(&averages, darkness(data.test.image(index)));
            guess == usize::from(data.test.labels[index])
        })
        .count();
    let accuracy = 100.0 * right as f64 / data.test.len() as f64;
    let bar = |name: &str, value, highlighted| Bar { name: name.into(), value, highlighted };
    context.figure(
        "accuracy",
        "Baselines",
        "Test images recognized.",
        FigureBody::Bars {
            unit: "%".into(),
            bars: vec![
                bar("a random guess", 10.0, false),
                bar("average darkness", accuracy, true),
                bar("30 hidden neurons", 95.42, false),
            ],
        },
    );
    context.claim_number(
        "accuracy of predicting the digit with the nearest average darkness",
        22.25,
        accuracy,
        Tolerance::Within(0.0),
        "points",
    );
    Ok(())
}

/// Mean sum of the pixels of each class's images.
fn average_darkness(images: &Images, classes: usize) -> Vec<f64> {
    let mut sums = vec![0.0; classes];
    let mut counts = vec![0_u32; classes];
    for (index, &label) in images.labels.iter().enumerate() {
        sums[usize::from(label)] += darkness(images.image(index));
        counts[usize::from(label)] += 1;
    }
    sums.iter().zip(counts).map(|(sum, count)| sum / f64::from(count)).collect()
}

/// Sum of the pixels, 255 for black.
fn darkness(image: &[u8]) -> f64 {
    image.iter().map(|&pixel| f64::from(pixel)).sum()
}

/// The index of the nearest average; the first if there are several.
fn nearest(averages: &[f64], darkness: f64) -> usize {
    let distance = |&at: &usize| (averages[at] - darkness).abs();
    (0..averages.len())
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .expect("there are classes")
}
