//! The messages between the training thread and its clients: plain data only.
//!
//! A client holds a [`Link`]: it sends [`Command`]s and receives [`Update`]s, and does not know
//! whether the other end is a thread, a socket or a replayed file. [`RunView::apply`] is the only
//! reducer: every client applies events with it to keep the state of a run.

mod catch_up;
mod command;
mod event;
mod explorable;
mod figure;
mod link;
mod live;
mod metric;
mod probe;
mod reading;
mod real;
mod run_view;
mod runs;
mod series;
mod stats;
mod untrusted;

pub use command::{Command, Pace, StepAmount, Tune};
pub use event::{
    Activity, Claim, Classified, Event, LayerInfo, LogLevel, LogLine, Outcome, OutputLines,
    Progress, Quantity, RunInfo, RunKind, SavedFile, Status, Tuned,
};
pub use explorable::{Explorable, Explored, Slider, SliderKind};
pub use figure::{Bar, Cell, Curve, Figure, FigureBody, Neuron, Scale, Wire};
pub use link::{Link, Update};
pub use live::{GpuUse, Mark, MarkKind, Media, MediaBody, PauseLevel, SystemUse, Tunable};
pub use metric::{MetricSeries, MetricTable, Metrics};
pub use probe::{
    Card, Content, DigitFilter, DigitOrder, DigitQuery, Frame, MAX_PROBES, Moment, NO_PREDICTION,
    PredictionFilter, Probe, ProbeQuery, Tensor,
};
pub use reading::{ReadDigit, ReadLine, Reading, Segmentation};
pub use run_view::RunView;
pub use runs::{
    Bitmap, CurveQuery, CurveSet, Grouping, MetricFacts, RunAxis, RunCurve, RunEdit, RunRow,
    RunSource, RunTable, SampleContent, SampleKind, SampleSeries, Spread, TensorHistogram,
};
pub use series::Series;
pub use stats::{EpochStats, LayerStats};
pub use untrusted::{Untrusted, is_unprintable, printable, printable_json};

/// Increased whenever a message changes; both sides of a socket send theirs first.
pub const PROTOCOL_VERSION: u32 = 5;
