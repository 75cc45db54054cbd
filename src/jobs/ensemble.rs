//! Trains several networks of one recipe and saves them as one ensemble.

use super::measure::accuracy_chart;
use super::{ExperimentError, JobContext, Options, PlannedRun, Running, percent};
use crate::data::Dataset;
use crate::protocol::{Event, Figure, SavedFile};
use crate::spec::Spec;
use crate::spec::dataset;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The title prefix of an ensemble's runs.
pub(super) const ID: &str = "ensemble";

/// The recipe of an ensemble: `networks` networks, trained from consecutive seeds.
#[derive(Clone, Debug)]
pub struct EnsembleRecipe {
    pub spec: Spec,
    pub networks: u32,
    /// The data set of the spec, if already loaded.
    pub dataset: Option<Arc<Dataset>>,
    /// The file that the model is saved to.
    pub save: Option<PathBuf>,
    /// A directory for the checkpoints of every network, from which an interrupted ensemble resumes
    /// with identical results.
    pub checkpoints: Option<PathBuf>,
}

/// Trains an ensemble in its own thread, with the channels of a training run. The networks are
/// trained in parallel; the events show one after another, then the evaluation of the ensemble as
/// one more epoch.
///
/// # Errors
/// If the system cannot start a thread.
pub fn train_ensemble(ensemble: EnsembleRecipe, options: Options) -> std::io::Result<Running> {
    Running::start(ID, options, move |context| train(context, ensemble))
}

fn train(context: &mut JobContext, ensemble: EnsembleRecipe) -> Result<String, ExperimentError> {
    let EnsembleRecipe { spec, networks, dataset, save, checkpoints } = ensemble;
    let given = dataset.map(|data| dataset::split(&spec, data));
    let data = given.map_or_else(|| dataset::load(&spec), Ok).map_err(ExperimentError::Other)?;
    let runs = (0..u64::from(networks)).map(|number| {
        let spec = member(&spec, number);
        let directory = checkpoints.as_ref().map(|dir| network_directory(dir, number));
        PlannedRun::new(format!("seed {}", spec.seed), spec)
            .with_data(Arc::clone(&data))
            .with_checkpoints(directory)
    });
    let trained = context.train_all(runs.collect(), |records| {
        Some(Figure {
            id: "accuracy".into(),
            title: format!("{networks} networks of the ensemble, individually"),
            caption: spec.layers.clone(),
            body: accuracy_chart("test accuracy (%)", records, |stats| stats.test_accuracy),
        })
    })?;
    let (together, model) = context.vote(trained, &data)?;
    if let Some(file) = save {
        let bytes = context.save(&model, &file)?;
        let path = file.display().to_string();
        context.send(Event::Saved(SavedFile { path, epoch: model.epoch, batch: 0, bytes }));
    }
    let accuracy = percent(together.test_accuracy);
    Ok(format!("{networks} networks vote: {accuracy:.2}% of the test images"))
}

/// The checkpoint directory of network `number`, from 0.
#[must_use]
pub fn network_directory(checkpoints: &Path, number: u64) -> PathBuf {
    checkpoints.join(format!("network-{}", number + 1))
}

/// The spec of one network: consecutive seeds, and alternating `layers` and `also`.
fn member(spec: &Spec, number: u64) -> Spec {
    let turn = number as usize % (1 + spec.also.len());
    let layers = if turn == 0 { &spec.layers } else { &spec.also[turn - 1] };
    let seed = spec.seed.wrapping_add(number);
    Spec { layers: layers.clone(), also: Vec::new(), seed, ..spec.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_consecutive_and_layers_alternate() {
        let also = ["784,20,10", "784,30,10"].map(String::from).to_vec();
        let spec = Spec { layers: "784,10,10".into(), also, seed: 5, ..Spec::default() };
        let members = [0, 1, 2, 3].map(|number| member(&spec, number));
        let layers = members.each_ref().map(|spec| spec.layers.as_str());
        assert_eq!(layers, ["784,10,10", "784,20,10", "784,30,10", "784,10,10"]);
        assert_eq!(members.each_ref().map(|spec| spec.seed), [5, 6, 7, 8]);
        assert!(members.iter().all(|spec| spec.also.is_empty()));
    }
}
