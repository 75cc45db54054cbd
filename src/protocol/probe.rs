//! Questions about a network, and their answers.
//!
//! A view says what it wants to see; only that is computed.

use serde::{Deserialize, Serialize};

/// Probes that one front end, or all front ends of a run together, may watch at a time: more than
/// any screen shows.
pub const MOST_PROBES: usize = 64;

/// Something a view wants to see, and of which moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Probe {
    pub what: What,
    pub at: Moment,
}

impl Probe {
    /// The probe of the network as it is now.
    #[must_use]
    pub fn live(what: What) -> Self {
        Self { what, at: Moment::Live }
    }
}

/// The moment a probe looks at.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Moment {
    /// The network as it is now.
    #[default]
    Live,
    /// The network as it was after this epoch. Where it is no longer kept, the nearest kept epoch
    /// before it answers, and the frame says which.
    Epoch(u32),
}

/// What a probe asks for. Layers are indices into `RunInfo::layers`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum What {
    /// The incoming weights of units `first..first + count` of a layer, a row a unit. For a
    /// convolution a unit is a feature map.
    Weights { layer: u32, first: u32, count: u32 },
    /// All biases of a layer.
    Biases { layer: u32 },
    /// How the weights of a layer are distributed, in `bins` equal bins.
    Histogram { layer: u32, bins: u32 },
    /// Test images that match a query, as a list and a window of it.
    Digits(DigitQuery),
    /// One test image: its pixels, label, output activations.
    Digit { index: u32 },
    /// Counts of (true label, predicted label) on the test set, as of the last evaluation.
    Confusion,
    /// Every layer's activations for a test image.
    Activations { index: u32 },
    /// How each layer learns right now: the same as `EpochStats::layers`, as of the last batch.
    Gradients,
    /// Which epochs can be gone back to. Since protocol 3.
    Snapshots,
}

/// Which test images, in which order, and which part of that list.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DigitQuery {
    pub filter: DigitFilter,
    pub order: DigitOrder,
    /// The list is shown from this rank on.
    pub offset: u32,
    /// At most so many cards.
    pub count: u32,
    /// With the images' pixels, for a contact sheet.
    pub pixels: bool,
    /// The index of the test image whose rank in the list is wanted.
    pub selected: Option<u32>,
}

/// Which test images to list.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct DigitFilter {
    pub verdict: Verdict,
    /// Only this true label.
    pub label: Option<u32>,
    /// Only this predicted label.
    pub predicted: Option<u32>,
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Verdict {
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
    /// By predicted activation minus the true label's activation, largest first: the most
    /// confidently wrong at the top.
    ConfidentlyWrong,
}

/// The answer to a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frame {
    pub probe: Probe,
    /// Completed epochs of the network that answered.
    pub epoch: u32,
    /// Completed mini-batches of the next epoch.
    pub batch: u32,
    pub content: Content,
}

impl Frame {
    /// About how many bytes it takes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        std::mem::size_of::<Self>() + self.content.bytes()
    }
}

/// What a frame holds; each variant answers the `What` of its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    Weights {
        /// A row a unit.
        rows: Vec<Tensor>,
        /// Largest absolute weight of the whole layer: the scale of the colours.
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
        /// Images that match the filter.
        total: u32,
        /// Rank of the selected image in the list, `None` when it does not match the filter.
        selected_rank: Option<u32>,
        cards: Vec<Card>,
    },
    Digit {
        card: Card,
        /// Output activations, one a class.
        outputs: Vec<f32>,
        votes: Vec<u32>,
    },
    Confusion {
        classes: u32,
        /// Row by row: true label down, predicted label across.
        counts: Vec<u32>,
    },
    Activations {
        layers: Vec<Tensor>,
    },
    Gradients {
        layers: Vec<super::stats::LayerStats>,
    },
    /// The question does not fit this network; the text says why.
    Unavailable(String),
    /// The test images have to be looked at first; so many were. The answer follows. Since
    /// protocol 3.
    Measuring {
        done: u32,
        total: u32,
    },
    /// Epochs whose networks are kept, in order. Since protocol 3.
    Snapshots {
        epochs: Vec<u32>,
    },
}

impl Content {
    /// About how many bytes it takes beside its own size.
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

/// A test image and what the network says of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub index: u32,
    pub label: u32,
    pub prediction: u32,
    /// Activation of the predicted class.
    pub confidence: f32,
    /// Row by row, 0 is background, 255 is ink; empty unless asked for.
    pub pixels: Vec<u8>,
}

/// Numbers in (maps, height, width) order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tensor {
    pub shape: [u32; 3],
    pub values: Vec<f32>,
}
