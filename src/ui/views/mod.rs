//! The table of views.

mod confusion;
mod curves;
mod digits;
mod draw;
mod explore;
mod features;
mod figures;
mod gradients;
mod media;
mod metrics;
mod network;
mod output;
mod overview;
mod read;
mod runs;
mod system;
mod time_axis;
mod weights;

pub(super) use digits::DigitsView;
pub(super) use explore::ExploreView;

use super::experiment_name::ExperimentName;
use super::view::View;
use super::view_id::ViewId;
use crate::protocol::{Reading, RunSource};
use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

/// A view of a run: its id, key and constructor.
#[derive(Debug)]
pub(super) struct ViewEntry {
    pub id: ViewId,
    pub key: char,
    new: fn() -> Box<dyn View>,
}

const fn entry(id: ViewId, key: char, new: fn() -> Box<dyn View>) -> ViewEntry {
    ViewEntry { id, key, new }
}

/// Every view of a run, in the order of the tabs.
pub(super) const TABLE: &[ViewEntry] = &[
    entry(ViewId::Overview, '1', || Box::<overview::OverviewView>::default()),
    entry(ViewId::Curves, '2', || Box::<curves::CurvesView>::default()),
    entry(ViewId::Weights, '3', || Box::<weights::WeightsView>::default()),
    entry(ViewId::Digits, '4', || Box::<DigitsView>::default()),
    entry(ViewId::Confusion, '5', || Box::<confusion::ConfusionView>::default()),
    entry(ViewId::Gradients, '6', || Box::<gradients::GradientsView>::default()),
    entry(ViewId::Network, '7', || Box::<network::NetworkView>::default()),
    entry(ViewId::Features, '8', || Box::<features::FeaturesView>::default()),
    entry(ViewId::Book, '9', || Box::<figures::FiguresView>::default()),
    entry(ViewId::Draw, 'D', || Box::<draw::DrawView>::default()),
    entry(ViewId::Explore, '0', || Box::<ExploreView>::default()),
];

/// The id of the first view of a run with a name that starts with this text, ignoring case.
#[must_use]
pub fn named(text: &str) -> Option<ViewId> {
    let begins = |entry: &&ViewEntry| {
        let name = entry.id.name().to_lowercase();
        !text.is_empty() && name.starts_with(&text.to_lowercase())
    };
    TABLE.iter().find(begins).map(|entry| entry.id)
}

/// The keys of open views. A view without an entry in the table has the key of the entry at its
/// position.
pub(super) fn keys(views: &[Box<dyn View>]) -> impl Iterator<Item = char> {
    views.iter().zip(TABLE).map(|(view, tab)| {
        let own = TABLE.iter().find(|entry| entry.id == view.id());
        own.unwrap_or(tab).key
    })
}

/// The view of a type, if there is one.
pub(super) fn find<T: View>(views: &mut [Box<dyn View>]) -> Option<&mut T> {
    views.iter_mut().find_map(|view| {
        let view: &mut dyn Any = view.as_mut();
        view.downcast_mut()
    })
}

/// All views of a run.
#[must_use]
pub fn all() -> Vec<Box<dyn View>> {
    TABLE.iter().map(|entry| (entry.new)()).collect()
}

/// The views of a training, with the experiments for the Book view.
#[must_use]
pub fn of_training(experiments: &[ExperimentName]) -> Vec<Box<dyn View>> {
    let mut views = all();
    if let Some(book) = find::<figures::FiguresView>(&mut views) {
        book.experiments = experiments.to_vec();
    }
    views
}

/// The views of a saved model, which has no history.
#[must_use]
pub fn of_model() -> Vec<Box<dyn View>> {
    const OF_TRAININGS: [ViewId; 3] = [ViewId::Curves, ViewId::Gradients, ViewId::Book];
    let entries = TABLE.iter().filter(|entry| !OF_TRAININGS.contains(&entry.id));
    entries.map(|entry| (entry.new)()).collect()
}

/// The view of an explorable without a run.
#[must_use]
pub fn exploring(id: &str) -> Vec<Box<dyn View>> {
    vec![Box::new(ExploreView::opened(id))]
}

/// The views of a command.
#[must_use]
pub fn of_command() -> Vec<Box<dyn View>> {
    vec![
        Box::<output::OutputView>::default(),
        Box::<metrics::MetricsView>::default(),
        Box::<weights::WeightsView>::default(),
        Box::<DigitsView>::default(),
        Box::<confusion::ConfusionView>::default(),
        Box::<gradients::GradientsView>::default(),
        Box::<system::SystemView>::default(),
        Box::<features::FeaturesView>::default(),
        Box::<media::MediaView>::default(),
    ]
}

/// The views of predictions, the misclassified images first.
#[must_use]
pub fn of_predictions() -> Vec<Box<dyn View>> {
    vec![Box::new(DigitsView::wrong()), Box::<confusion::ConfusionView>::default()]
}

/// The view of a picture that was read.
#[must_use]
pub fn reading(name: &str, reading: &Reading) -> Vec<Box<dyn View>> {
    vec![Box::new(read::ReadView::of(name, reading))]
}

/// The views of several runs.
#[must_use]
pub fn watching(source: &Arc<dyn RunSource>) -> Vec<Box<dyn View>> {
    let shared = runs::RunList::shared(Arc::clone(source));
    vec![
        Box::new(runs::RunsView::new(Rc::clone(&shared))),
        Box::new(runs::CompareView::new(Rc::clone(&shared))),
        Box::new(runs::HistogramsView::new(Rc::clone(&shared))),
        Box::new(runs::ImagesView::new(Rc::clone(&shared))),
        Box::new(runs::TextsView::new(shared)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_entry_creates_its_view_and_has_a_unique_key() {
        let keys: HashSet<char> = TABLE.iter().map(|entry| entry.key).collect();
        assert_eq!(keys.len(), TABLE.len());
        for (entry, view) in TABLE.iter().zip(all()) {
            assert_eq!(view.id(), entry.id);
            assert_eq!(named(&entry.id.name()[..3]), Some(entry.id));
        }
        assert_eq!(named(""), None);
    }
}
