//! A figure: what an experiment or explorable shows, as plain data. The front end draws it.

use super::real;
use serde::{Deserialize, Serialize};

/// A picture of an experiment, replaced whole when it changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Unique within a run.
    pub id: String,
    pub title: String,
    /// A sentence under the picture.
    pub caption: String,
    pub body: FigureBody,
}

/// How an axis is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    #[default]
    Linear,
    Logarithmic,
}

/// What a figure is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FigureBody {
    /// Curves or scattered points over common axes.
    Chart {
        x_label: String,
        y_label: String,
        x_scale: Scale,
        y_scale: Scale,
        curves: Vec<Curve>,
    },
    /// A surface seen from above: row by row, the first row at the bottom (smallest y).
    Surface {
        x_label: String,
        y_label: String,
        x_range: [f64; 2],
        y_range: [f64; 2],
        width: u32,
        height: u32,
        #[serde(deserialize_with = "real::values")]
        values: Vec<f32>,
        /// Paths drawn over it, such as a ball's.
        paths: Vec<Curve>,
    },
    Bars {
        unit: String,
        bars: Vec<Bar>,
    },
    Table {
        header: Vec<String>,
        rows: Vec<Vec<Cell>>,
    },
    /// Small images in a row.
    Images {
        width: u32,
        height: u32,
        /// With zero in the middle of the colours (weights), not at their start (pixels).
        diverging: bool,
        #[serde(deserialize_with = "real::images")]
        images: Vec<(String, Vec<f32>)>,
    },
    Text(Vec<String>),
    /// As `Chart` with linear axes over given ranges, so that a curve moves and its axes do not.
    Plot {
        x_label: String,
        y_label: String,
        x_range: [f64; 2],
        y_range: [f64; 2],
        curves: Vec<Curve>,
    },
    /// Neurons or gates and what goes from one to another.
    Wiring {
        neurons: Vec<Neuron>,
        wires: Vec<Wire>,
    },
}

/// A neuron, gate or input of a wiring diagram.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Neuron {
    pub name: String,
    /// What stands inside or under it, such as its output.
    pub value: String,
    /// Its place, from 0 (left, top) to 1 (right, bottom).
    pub at: [f32; 2],
    pub lit: bool,
}

/// A connection of a wiring diagram, by the indices of its ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wire {
    pub from: u32,
    pub to: u32,
    /// What stands on it, such as its weight.
    pub label: String,
    pub lit: bool,
}

impl Default for FigureBody {
    fn default() -> Self {
        Self::Text(Vec::new())
    }
}

/// A named line or cloud of points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    pub name: String,
    #[serde(deserialize_with = "real::points")]
    pub points: Vec<(f64, f64)>,
    /// Points alone, not joined.
    pub scatter: bool,
}

/// A named bar.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    pub name: String,
    #[serde(deserialize_with = "real::number")]
    pub value: f64,
    pub highlighted: bool,
}

/// A cell of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    pub text: String,
    pub highlighted: bool,
}
