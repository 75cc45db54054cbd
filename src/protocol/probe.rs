//! Probes: requests of the visible views for data about a network, and the answers. Only requested
//! data is computed.

use serde::{Deserialize, Serialize};

/// Maximum number of watched probes, per client and for all clients of a run together; no screen
/// shows as many.
pub const MAX_PROBES: usize = 64;

/// The prediction if the outputs are NaN: it belongs to no class and is not counted.
pub const NO_PREDICTION: u32 = u32::MAX;

/// The data that a view requests, and its moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probe {
    pub what: ProbeQuery,
    pub at: Moment,
}

impl Probe {
    /// A probe of the current network.
    #[must_use]
    pub fn live(what: ProbeQuery) -> Self {
        Self { what, at: Moment::Live }
    }
}

/// The moment that a probe refers to.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Moment {
    /// The current network.
    #[default]
    Live,
    /// The network after this epoch. If it has no snapshot, the nearest earlier one is used, and
    /// the frame contains its epoch.
    Epoch(u32),
}

/// The data that a probe requests. Layers are indices into `RunInfo::layers`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ProbeQuery {
    /// The incoming weights of units `first..first + count` of a layer, one row per unit. In a
    /// convolution a unit is a feature map.
    Weights { layer: u32, first: u32, count: u32 },
    /// All biases of a layer.
    Biases { layer: u32 },
    /// Histogram of the weights of a layer, in `bins` equal bins.
    Histogram { layer: u32, bins: u32 },
    /// A window of the list of test images that match a query.
    Digits(DigitQuery),
    /// One test image: its pixels, label, output activations.
    Digit { index: u32 },
    /// Counts of (true label, predicted label) on the test set, as of the last evaluation.
    Confusion,
    /// Every layer's activations for a test image.
    Activations { index: u32 },
    /// Gradient statistics of each layer, as in `EpochStats::layers`, of the last mini-batch.
    Gradients,
    /// The epochs that have snapshots. Since protocol 3.
    Snapshots,
}

/// A filtered and ordered list of test images, and a window of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DigitQuery {
    pub filter: DigitFilter,
    pub order: DigitOrder,
    /// Rank of the first card of the window.
    pub offset: u32,
    /// Maximum number of cards in the window.
    pub count: u32,
    /// Include the pixels, for a contact sheet.
    pub pixels: bool,
    /// Index of a test image whose rank in the list is requested.
    pub selected: Option<u32>,
}

/// Filter of test images.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct DigitFilter {
    pub verdict: PredictionFilter,
    /// Only this true label.
    pub label: Option<u32>,
    /// Only this predicted label.
    pub predicted: Option<u32>,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum PredictionFilter {
    #[default]
    All,
    Right,
    Wrong,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum DigitOrder {
    #[default]
    Index,
    /// By the activation of the predicted class minus that of the true class, largest first: the
    /// most confidently misclassified images come first.
    ConfidentlyWrong,
}

/// The answer to a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub probe: Probe,
    /// Completed epochs of the network from which the answer was computed.
    pub epoch: u32,
    /// Completed mini-batches of the next epoch.
    pub batch: u32,
    pub content: Content,
}

impl Frame {
    /// Approximate size in memory, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Self>() + self.content.bytes()
    }
}

/// Content of a frame; each variant answers the [`ProbeQuery`] of the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    Weights {
        /// One row per unit.
        rows: Vec<Tensor>,
        /// Largest absolute weight of the layer, which scales the colours.
        largest: f32,
    },
    Biases {
        values: Vec<f32>,
    },
    Histogram {
        low: f32,
        high: f32,
        counts: Vec<u32>,
    },
    Digits {
        /// Number of images that match the filter.
        total: u32,
        /// Rank of the selected image in the list; `None` if it does not match the filter.
        selected_rank: Option<u32>,
        cards: Vec<Card>,
    },
    Digit {
        card: Card,
        /// Output activations, one per class.
        outputs: Vec<f32>,
        votes: Vec<u32>,
    },
    Confusion {
        classes: u32,
        /// Row-major: one row per true label, one column per predicted label.
        counts: Vec<u32>,
    },
    Activations {
        layers: Vec<Tensor>,
    },
    Gradients {
        layers: Vec<super::stats::LayerStats>,
    },
    /// The probe cannot be answered, for this reason.
    Unavailable(String),
    /// The test images are being evaluated first: `done` of `total`. The answer follows. Since
    /// protocol 3.
    Measuring {
        done: u32,
        total: u32,
    },
    /// Epochs that have snapshots, ascending. Since protocol 3.
    Snapshots {
        epochs: Vec<u32>,
    },
}

impl Content {
    /// Whether the stated sizes agree with the number of values, so that views can index them.
    /// A session may be of another version, or not trusted.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        match self {
            Self::Weights { rows: tensors, .. } | Self::Activations { layers: tensors } => {
                tensors.iter().all(Tensor::is_consistent)
            }
            Self::Confusion { classes, counts } => {
                u64::from(*classes).pow(2) == counts.len() as u64
            }
            Self::Biases { .. }
            | Self::Histogram { .. }
            | Self::Digits { .. }
            | Self::Digit { .. }
            | Self::Gradients { .. }
            | Self::Unavailable(_)
            | Self::Measuring { .. }
            | Self::Snapshots { .. } => true,
        }
    }

    /// Approximate size of its heap allocations, in bytes.
    fn bytes(&self) -> usize {
        let tensors = |tensors: &[Tensor]| -> usize {
            let each = |tensor: &Tensor| size_of::<Tensor>() + size_of_val(&tensor.values[..]);
            tensors.iter().map(each).sum()
        };
        let card = |card: &Card| size_of::<Card>() + card.pixels.len();
        match self {
            Self::Weights { rows, .. } => tensors(rows),
            Self::Biases { values } => size_of_val(&values[..]),
            Self::Histogram { counts, .. } | Self::Confusion { counts, .. } => {
                size_of_val(&counts[..])
            }
            Self::Digits { cards, .. } => cards.iter().map(card).sum(),
            Self::Digit { card: shown, outputs, votes } => {
                card(shown) + size_of_val(&outputs[..]) + size_of_val(&votes[..])
            }
            Self::Activations { layers } => tensors(layers),
            Self::Gradients { layers } => size_of_val(&layers[..]),
            Self::Unavailable(text) => text.len(),
            Self::Measuring { .. } => 0,
            Self::Snapshots { epochs } => size_of_val(&epochs[..]),
        }
    }
}

/// A test image and the network's prediction for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub index: u32,
    pub label: u32,
    /// [`NO_PREDICTION`] if the outputs are NaN.
    pub prediction: u32,
    /// Activation of the predicted class.
    pub confidence: f32,
    /// Row-major, 0 is background, 255 is ink; empty unless requested.
    pub pixels: Vec<u8>,
}

/// Values in (maps, height, width) order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    pub shape: [u32; 3],
    pub values: Vec<f32>,
}

impl Tensor {
    fn is_consistent(&self) -> bool {
        self.shape.iter().map(|&side| u128::from(side)).product::<u128>()
            == self.values.len() as u128
    }
}
