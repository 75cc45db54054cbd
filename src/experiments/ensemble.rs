//! Several networks of one recipe, trained side by side and saved as one model that votes.

use super::recipes::accuracy_chart;
use super::{Context, ExperimentError, Options, Run, Running, percent};
use crate::data::Dataset;
use crate::engine::{Spec, load};
use crate::protocol::{Event, Figure, Saved};
use std::path::PathBuf;
use std::sync::Arc;

/// What to train: `networks` of a recipe, from its seed and the ones after it.
#[derive(Clone, Debug)]
pub struct Ensemble {
    pub spec: Spec,
    pub networks: u32,
    /// The spec's images, where they are loaded already.
    pub dataset: Option<Arc<Dataset>>,
    /// Where the model goes in the end.
    pub save: Option<PathBuf>,
}

/// Trains an ensemble in a thread of its own, seen from outside as a training run is: one network
/// after the other, then their vote as one more epoch.
///
/// # Errors
/// Where the system has no thread left.
pub fn train_ensemble(ensemble: Ensemble, options: Options) -> std::io::Result<Running> {
    Running::start("ensemble", options, move |context| train(context, ensemble))
}

fn train(context: &mut Context, ensemble: Ensemble) -> Result<String, ExperimentError> {
    let Ensemble { spec, networks, dataset, save } = ensemble;
    let data = dataset.map_or_else(|| load(&spec), Ok).map_err(ExperimentError::Other)?;
    let runs = (0..u64::from(networks)).map(|offset| {
        let seed = spec.seed.wrapping_add(offset);
        Run::new(format!("seed {seed}"), Spec { seed, ..spec.clone() }).on(Arc::clone(&data))
    });
    let trained = context.train_all(runs.collect(), |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: format!("{networks} networks that will vote, each alone"),
            caption: spec.layers.clone(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let (together, model) = context.vote(trained, &data)?;
    if let Some(file) = save {
        let bytes = model.save(&file).map_err(|error| ExperimentError::Other(error.to_string()))?;
        let path = file.display().to_string();
        context.tell(Event::Saved(Saved { path, epoch: model.epoch, batch: 0, bytes }));
    }
    let accuracy = percent(together.test_accuracy);
    Ok(format!("{networks} networks vote: {accuracy:.2}% of the test images"))
}
