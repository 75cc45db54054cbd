//! Answers the probes of front ends, including those about past epochs.

use super::checkpoint::Checkpoint;
use super::snapshots::Snapshots;
use crate::data::{Dataset, Images};
use crate::model::evaluator::Evaluator;
use crate::model::probes::{ProbeTarget, SingleImage, TestOutputs};
use crate::nn::{Network, Real};
use crate::protocol::{Content, Frame, LayerStats, MAX_PROBES, Moment, Probe, ProbeQuery};
use crate::spec::Readout;
use crate::spec::readout::to_f32;
use ndarray::{Array2, ArrayView2, Axis, s};
use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

/// Number of past epochs whose recomputed test outputs are kept.
const REVISITED: usize = 4;
/// Interval between progress messages of an evaluation.
const PROGRESS_GAP: Duration = Duration::from_millis(100);

/// A watched probe, and the version of the state for which it was last answered.
#[derive(Debug)]
struct WatchedProbe {
    probe: Probe,
    answered: Option<u64>,
}

/// A network to be evaluated on the test images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The last network of a run that has ended.
    Live,
    /// The snapshot of an epoch.
    Epoch(u32),
}

/// A running evaluation of the test images.
#[derive(Debug)]
struct PendingEvaluation {
    of: Target,
    /// Number of images evaluated.
    done: usize,
    /// Shape (test images, outputs).
    outputs: Array2<Real>,
}

/// The outputs of the network after `epoch` epochs and `batch` mini-batches of the next.
#[derive(Debug)]
struct MeasuredOutputs {
    epoch: u32,
    batch: u32,
    outputs: TestOutputs,
}

/// The current state of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct LiveState<'a> {
    pub network: &'a Network,
    /// Completed epochs, and mini-batches of the next one.
    pub epoch: u32,
    pub batch: u32,
    /// From the last measured mini-batch.
    pub layers: &'a [LayerStats],
}

/// Answers the watched probes, each only when its answer may have changed.
#[derive(Debug)]
pub(super) struct ProbeService {
    readout: Readout,
    watched: Vec<WatchedProbe>,
    single: SingleImage,
    snapshots: Snapshots,
    /// Outputs of the last evaluated epoch, or of the last network of a run that has ended.
    latest: Option<MeasuredOutputs>,
    /// Outputs of past epochs, the most recently used first.
    revisited: VecDeque<(u32, TestOutputs)>,
    pending: Option<PendingEvaluation>,
    progress_sent: Option<Instant>,
}

impl ProbeService {
    pub(super) fn new(network: &Network, readout: Readout, snapshots: Snapshots) -> Self {
        Self {
            readout,
            watched: Vec::new(),
            single: SingleImage::new(network),
            snapshots,
            latest: None,
            revisited: VecDeque::new(),
            pending: None,
            progress_sent: None,
        }
    }

    /// Replaces the list of probes; all of them become due.
    pub(super) fn set(&mut self, probes: Vec<Probe>) {
        let due = probes.into_iter().take(MAX_PROBES);
        self.watched = due.map(|probe| WatchedProbe { probe, answered: None }).collect();
    }

    /// Whether a probe for the gradients is watched.
    pub(super) fn wants_gradients(&self) -> bool {
        let live = Probe::live(ProbeQuery::Gradients);
        self.watched.iter().any(|watched| watched.probe == live)
    }

    /// Stores an evaluated epoch: its outputs for the test images, a snapshot, and the validation
    /// (or else test) accuracy.
    pub(super) fn epoch_ended(
        &mut self,
        outputs: Array2<Real>,
        snapshot: Checkpoint,
        accuracy: Option<f64>,
    ) {
        self.set_outputs(snapshot.position().epoch, 0, outputs);
        self.snapshots.push(snapshot, accuracy);
    }

    /// Stores the outputs of the current network for the test images.
    pub(super) fn set_outputs(&mut self, epoch: u32, batch: u32, outputs: Array2<Real>) {
        let outputs = TestOutputs::new(outputs, self.readout);
        self.latest = Some(MeasuredOutputs { epoch, batch, outputs });
    }

    /// The network's outputs for the test images at a position, if available.
    pub(super) fn outputs_at(&self, epoch: u32, batch: u32) -> Option<ArrayView2<'_, Real>> {
        let known =
            self.latest.as_ref().filter(|known| (known.epoch, known.batch) == (epoch, batch));
        known.map(|known| known.outputs.outputs())
    }

    /// Writes the snapshots that are not yet on disk.
    pub(super) fn write_snapshots(&mut self) -> Result<(), super::checkpoint::CheckpointError> {
        self.snapshots.write()
    }

    /// Starts to evaluate the last network of a run that has ended on the test images.
    pub(super) fn measure_live(&mut self, network: &Network, test: &Images) {
        self.begin(Target::Live, network.outputs(), test);
    }

    /// Whether an evaluation is in progress.
    pub(super) fn is_busy(&self) -> bool {
        self.pending.is_some()
    }

    fn begin(&mut self, of: Target, outputs: usize, test: &Images) {
        let outputs = Array2::zeros((test.len(), outputs));
        self.pending = Some(PendingEvaluation { of, done: 0, outputs });
    }

    /// Answers every probe whose answer may have changed since it was last sent.
    pub(super) fn answer(&mut self, live: LiveState, data: &Dataset, mut send: impl FnMut(Frame)) {
        let now = Instant::now();
        let is_progress_due = self.progress_sent.is_none_or(|last| now - last >= PROGRESS_GAP);
        let mut sends_progress = false;
        for index in 0..self.watched.len() {
            let WatchedProbe { probe, answered } = &self.watched[index];
            let version = self.version(probe, live);
            if version.is_some() && *answered == version {
                continue;
            }
            let probe = probe.clone();
            let answer = version.and_then(|_| self.look(&probe, live, data));
            if let Some((epoch, batch, content)) = answer {
                send(Frame { probe, epoch, batch, content });
                self.watched[index].answered = version;
            } else if is_progress_due && let Some(frame) = self.progress(probe, live, data) {
                send(frame);
                sends_progress = true;
            }
        }
        if sends_progress {
            self.progress_sent = Some(now);
        }
    }

    /// The progress of the evaluation that a probe waits for.
    fn progress(&self, probe: Probe, live: LiveState, data: &Dataset) -> Option<Frame> {
        let pending = self.pending.as_ref()?;
        let (epoch, batch) = match (probe.at, pending.of) {
            (Moment::Live, Target::Live) if needs_test_outputs(&probe.what) => {
                (live.epoch, live.batch)
            }
            (Moment::Epoch(wanted), Target::Epoch(epoch))
                if needs_test_outputs(&probe.what)
                    && self.snapshots.nearest(wanted) == Some(epoch) =>
            {
                (epoch, 0)
            }
            _ => return None,
        };
        let content =
            Content::Measuring { done: pending.done as u32, total: data.test.len() as u32 };
        Some(Frame { probe, epoch, batch, content })
    }

    /// A number that changes when the answer to a probe may have changed; `None` while there is no
    /// data for an answer.
    fn version(&self, probe: &Probe, live: LiveState) -> Option<u64> {
        let now = |epoch: u32, batch: u32| u64::from(epoch) << 32 | u64::from(batch);
        match probe.at {
            _ if probe.what == ProbeQuery::Snapshots => Some(self.snapshots.revision()),
            Moment::Live if needs_test_outputs(&probe.what) => {
                self.latest.as_ref().map(|known| now(known.epoch, known.batch))
            }
            Moment::Live => Some(now(live.epoch, live.batch)),
            Moment::Epoch(epoch) => self.snapshots.nearest(epoch).map(u64::from),
        }
    }

    fn look(
        &mut self,
        probe: &Probe,
        live: LiveState,
        data: &Dataset,
    ) -> Option<(u32, u32, Content)> {
        if probe.what == ProbeQuery::Snapshots {
            let epochs = self.snapshots.epochs();
            return Some((live.epoch, live.batch, Content::Snapshots { epochs }));
        }
        let Self { snapshots, latest, revisited, readout, single, .. } = self;
        let past;
        let (epoch, batch, network, layers) = match probe.at {
            Moment::Epoch(epoch) => {
                past = snapshots.load(snapshots.nearest(epoch)?)?;
                (past.position().epoch, 0, past.network(), &past.body.layers[..])
            }
            Moment::Live if needs_test_outputs(&probe.what) => {
                let known = latest.as_ref()?;
                (known.epoch, known.batch, live.network, live.layers)
            }
            Moment::Live => (live.epoch, live.batch, live.network, live.layers),
        };
        let newest = latest.iter().map(|known| ((known.epoch, known.batch), &known.outputs));
        let earlier = revisited.iter().map(|(epoch, outputs)| ((*epoch, 0), outputs));
        let outputs = newest.chain(earlier).find(|(of, _)| *of == (epoch, batch));
        let target = ProbeTarget {
            network,
            test: &data.test,
            classes: data.classes.len(),
            readout: *readout,
            outputs: outputs.map(|(_, outputs)| outputs),
            layers,
        };
        let content = target.answer(&probe.what, single);
        if content.is_none() && self.pending.is_none() {
            let outputs = network.outputs();
            self.begin(Target::Epoch(epoch), outputs, &data.test);
        }
        content.map(|content| (epoch, batch, content))
    }

    /// Continues an evaluation needed by a probe, by one chunk per evaluator; false if there is
    /// none.
    pub(super) fn work(
        &mut self,
        evaluators: &mut [Evaluator],
        live: LiveState,
        data: &Dataset,
    ) -> bool {
        let Some(mut pending) = self.pending.take() else { return false };
        match pending.of {
            Target::Live => pending.advance(evaluators, live.network, &data.test),
            Target::Epoch(epoch) => {
                // The snapshot was dropped meanwhile; the probe is answered from the nearest epoch.
                let Some(past) = self.snapshots.load(epoch) else { return false };
                pending.advance(evaluators, past.network(), &data.test);
            }
        }
        if pending.done < data.test.len() {
            self.pending = Some(pending);
            return true;
        }
        match pending.of {
            Target::Live => self.set_outputs(live.epoch, live.batch, pending.outputs),
            Target::Epoch(epoch) => {
                self.revisited.truncate(REVISITED - 1);
                let outputs = TestOutputs::new(pending.outputs, self.readout);
                self.revisited.push_front((epoch, outputs));
            }
        }
        true
    }

    /// The output activations and the prediction for an image with the network's number of pixels.
    pub(super) fn classify(&mut self, network: &Network, pixels: &[u8]) -> (Vec<f32>, u32) {
        let outputs = self.single.outputs(network, pixels);
        let prediction = self.readout.predict(outputs);
        (outputs.iter().copied().map(to_f32).collect(), prediction)
    }
}

impl PendingEvaluation {
    /// Evaluates one more chunk with every evaluator, each on its own thread if there are several.
    fn advance(&mut self, evaluators: &mut [Evaluator], network: &Network, test: &Images) {
        let Some(rows) = evaluators.first().map(Evaluator::rows) else { return };
        let first = self.done;
        self.done = test.len().min(first + rows * evaluators.len());
        let mut rest = self.outputs.slice_mut(s![first..self.done, ..]);
        let chunks = rest.axis_chunks_iter_mut(Axis(0), rows);
        let starts = (first..self.done).step_by(rows);
        let mut jobs: Vec<_> = evaluators.iter_mut().zip(chunks).zip(starts).collect();
        let evaluate = |((evaluator, outputs), start): &mut ((&mut Evaluator, _), usize)| {
            let outputs: &mut ndarray::ArrayViewMut2<Real> = outputs;
            let images = *start..*start + outputs.nrows();
            outputs.assign(&evaluator.outputs(network, test, images));
        };
        if let [only] = &mut jobs[..] {
            return evaluate(only);
        }
        thread::scope(|scope| {
            for job in &mut jobs {
                scope.spawn(|| evaluate(job));
            }
        });
    }
}

/// Whether a probe is answered from the outputs of the whole test set.
fn needs_test_outputs(what: &ProbeQuery) -> bool {
    matches!(what, ProbeQuery::Digits(_) | ProbeQuery::Confusion)
}
