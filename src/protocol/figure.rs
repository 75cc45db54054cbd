//! Figures of experiments and explorables as plain data.

use super::real;
use serde::{Deserialize, Serialize};

/// A figure; an update replaces the whole of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Unique within a run.
    pub id: String,
    pub title: String,
    /// A sentence below the figure.
    pub caption: String,
    pub body: FigureBody,
}

/// Scale of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    #[default]
    Linear,
    Logarithmic,
}

/// Content of a figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FigureBody {
    /// Curves or scattered points on common axes.
    Chart {
        x_label: String,
        y_label: String,
        x_scale: Scale,
        y_scale: Scale,
        curves: Vec<Curve>,
    },
    /// A heat map, row by row; the first row is at the bottom (smallest y).
    Surface {
        x_label: String,
        y_label: String,
        x_range: [f64; 2],
        y_range: [f64; 2],
        width: u32,
        height: u32,
        #[serde(deserialize_with = "real::values")]
        values: Vec<f32>,
        /// Paths drawn over the heat map, such as that of a rolling ball.
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
        /// Zero is the middle of the colour scale (weights) instead of its start (pixels).
        diverging: bool,
        #[serde(deserialize_with = "real::images")]
        images: Vec<(String, Vec<f32>)>,
    },
    Text(Vec<String>),
    /// A chart with linear axes of fixed ranges, so that the axes stay put while curves move.
    Plot {
        x_label: String,
        y_label: String,
        x_range: [f64; 2],
        y_range: [f64; 2],
        curves: Vec<Curve>,
    },
    /// A wiring diagram: neurons or gates and their connections.
    Wiring {
        neurons: Vec<Neuron>,
        wires: Vec<Wire>,
    },
}

/// A neuron, gate or input of a wiring diagram.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Neuron {
    pub name: String,
    /// Text inside or below it, such as its output.
    pub value: String,
    /// Position, from 0 (left, top) to 1 (right, bottom).
    pub at: [f32; 2],
    pub lit: bool,
}

/// A connection of a wiring diagram, by the indices of its ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wire {
    pub from: u32,
    pub to: u32,
    /// Text on it, such as its weight.
    pub label: String,
    pub lit: bool,
}

impl Default for FigureBody {
    fn default() -> Self {
        Self::Text(Vec::new())
    }
}

/// A named curve or set of points.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    pub name: String,
    #[serde(deserialize_with = "real::points")]
    pub points: Vec<(f64, f64)>,
    /// Draw points without lines between them.
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
