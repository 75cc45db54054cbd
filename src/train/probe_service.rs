//! What the front ends watch: which probes are due, and the epochs they look back at.

use super::history::{History, Snapshot};
use crate::data::Dataset;
use crate::model::evaluator::Evaluator;
use crate::model::probes::{ProbeTarget, SingleImage, TestOutputs};
use crate::nn::{Network, Real};
use crate::protocol::{Content, Frame, LayerStats, MOST_PROBES, Moment, Probe, What};
use crate::spec::Readout;
use crate::spec::readout::to_f32;
use ndarray::{Array2, s};
use std::collections::VecDeque;

/// Past epochs whose test outputs are kept once measured again.
const REVISITED: usize = 4;

/// A watched probe and the state of the run that it was last answered for.
#[derive(Debug)]
struct WatchedProbe {
    probe: Probe,
    answered: Option<u64>,
}

/// A past network's test outputs in the making.
#[derive(Debug)]
struct PastEvaluation {
    epoch: u32,
    done: usize,
    outputs: Array2<Real>,
}

/// The network as it is now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live<'a> {
    pub network: &'a Network,
    /// Completed epochs, and mini-batches of the next one.
    pub epoch: u32,
    pub batch: u32,
    /// As of the last mini-batch looked at.
    pub layers: &'a [LayerStats],
}

/// Answers the watched probes, each only when its answer can have changed.
#[derive(Debug)]
pub(super) struct ProbeService {
    readout: Readout,
    watched: Vec<WatchedProbe>,
    single: SingleImage,
    history: History,
    /// The test outputs of the newest measured epoch.
    latest: Option<(u32, TestOutputs)>,
    revisited: VecDeque<(u32, TestOutputs)>,
    pending: Option<PastEvaluation>,
}

impl ProbeService {
    pub(super) fn new(network: &Network, readout: Readout) -> Self {
        Self {
            readout,
            watched: Vec::new(),
            single: SingleImage::new(network),
            history: History::default(),
            latest: None,
            revisited: VecDeque::new(),
            pending: None,
        }
    }

    /// Replaces the list of probes; all of them are due.
    pub(super) fn set(&mut self, probes: Vec<Probe>) {
        let due = probes.into_iter().take(MOST_PROBES);
        self.watched = due.map(|probe| WatchedProbe { probe, answered: None }).collect();
    }

    /// Whether somebody watches how the layers learn right now.
    pub(super) fn wants_gradients(&self) -> bool {
        let live = Probe::live(What::Gradients);
        self.watched.iter().any(|watched| watched.probe == live)
    }

    /// Keeps a measured epoch.
    pub(super) fn epoch_ended(&mut self, kept: Snapshot, outputs: Array2<Real>) {
        self.latest = Some((kept.epoch, TestOutputs::new(outputs, self.readout)));
        self.history.push(kept);
    }

    /// Answers every probe whose answer can have changed since it was last given.
    pub(super) fn answer(&mut self, live: Live, data: &Dataset, mut send: impl FnMut(Frame)) {
        for index in 0..self.watched.len() {
            let WatchedProbe { probe, answered } = &self.watched[index];
            let Some(version) = self.version(probe, live) else { continue };
            if *answered == Some(version) {
                continue;
            }
            let probe = probe.clone();
            if let Some((epoch, batch, content)) = self.look(&probe, live, data) {
                send(Frame { probe, epoch, batch, content });
                self.watched[index].answered = Some(version);
            }
        }
    }

    /// A number that changes when the answer to a probe can have changed; `None` while there is
    /// nothing to answer from.
    fn version(&self, probe: &Probe, live: Live) -> Option<u64> {
        let now = u64::from(live.epoch) << 32 | u64::from(live.batch);
        match probe.at {
            Moment::Live if of_the_test_set(&probe.what) => {
                self.latest.as_ref().map(|(epoch, _)| u64::from(*epoch))
            }
            Moment::Live => Some(now),
            Moment::Epoch(epoch) => self.history.at(epoch).map(|kept| u64::from(kept.epoch)),
        }
    }

    fn look(&mut self, probe: &Probe, live: Live, data: &Dataset) -> Option<(u32, u32, Content)> {
        let Self { history, latest, revisited, readout, single, .. } = self;
        let (epoch, batch, network, layers) = match probe.at {
            Moment::Epoch(epoch) => {
                let kept = history.at(epoch)?;
                (kept.epoch, 0, &kept.network, &kept.layers[..])
            }
            Moment::Live if of_the_test_set(&probe.what) => {
                (latest.as_ref()?.0, 0, live.network, live.layers)
            }
            Moment::Live => (live.epoch, live.batch, live.network, live.layers),
        };
        let outputs = latest.iter().chain(revisited.iter()).find(|(of, _)| *of == epoch);
        let subject = ProbeTarget {
            network,
            test: &data.test,
            classes: data.classes.len(),
            readout: *readout,
            outputs: outputs.map(|(_, outputs)| outputs),
            layers,
        };
        let content = subject.answer(&probe.what, single);
        if content.is_none() && self.pending.is_none() {
            let outputs = Array2::zeros((data.test.len(), network.outputs()));
            self.pending = Some(PastEvaluation { epoch, done: 0, outputs });
        }
        content.map(|content| (epoch, batch, content))
    }

    /// Measures one more chunk of the test set with a past network that somebody asks about;
    /// false when there is nothing of the kind to do.
    pub(super) fn work(&mut self, evaluator: &mut Evaluator, data: &Dataset) -> bool {
        let Some(mut revisit) = self.pending.take() else { return false };
        let Some(kept) = self.history.at(revisit.epoch).filter(|k| k.epoch == revisit.epoch) else {
            return false;
        };
        let chunk = revisit.done..(revisit.done + evaluator.rows()).min(data.test.len());
        revisit.done = chunk.end;
        let outputs = evaluator.ask(&kept.network, &data.test, chunk.clone());
        revisit.outputs.slice_mut(s![chunk, ..]).assign(&outputs);
        if revisit.done < data.test.len() {
            self.pending = Some(revisit);
        } else {
            self.revisited.truncate(REVISITED - 1);
            self.revisited
                .push_front((revisit.epoch, TestOutputs::new(revisit.outputs, self.readout)));
        }
        true
    }

    /// The output activations for an image; `pixels` as many as the network has inputs.
    pub(super) fn classify(&mut self, network: &Network, pixels: &[u8]) -> (Vec<f32>, u32) {
        let outputs = self.single.outputs(network, pixels);
        let prediction = self.readout.predict(outputs);
        (outputs.iter().copied().map(to_f32).collect(), prediction)
    }
}

/// Whether a probe is answered from the outputs of the whole test set.
fn of_the_test_set(what: &What) -> bool {
    matches!(what, What::Digits(_) | What::Confusion)
}
