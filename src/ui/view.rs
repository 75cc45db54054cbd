//! The interface of a view. A new view is a file under `views/` and an entry in its table.

use super::effect::Effect;
use super::selection::Selection;
use super::theme::{TextRole, Theme};
use super::view_id::ViewId;
use super::widgets::{Raster, write_wrapped};
use crate::protocol::{
    Content, EpochStats, Frame, Moment, NO_PREDICTION, Probe, ProbeQuery, RunView, Tensor,
};
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::any::Any;

/// The data that a view draws.
#[derive(Clone, Copy, Debug)]
pub struct ViewContext<'a> {
    pub run: &'a RunView,
    pub theme: &'a Theme,
    /// The selected moment: live, or an earlier epoch.
    pub moment: Moment,
    /// The selected test image, shared by all views.
    pub digit: u32,
    /// The selected layer, shared by all views.
    pub layer: u32,
    /// Number of networks that vote, for a saved model.
    pub model: Option<u32>,
}

impl<'a> ViewContext<'a> {
    /// A run with a selection.
    #[must_use]
    pub fn new(run: &'a RunView, theme: &'a Theme, selection: Selection) -> Self {
        let Selection { moment, digit, layer } = selection;
        Self { run, theme, moment, digit, layer, model: None }
    }

    /// The live run, with the first test image and the first layer selected.
    #[cfg(test)]
    pub fn live(run: &'a RunView, theme: &'a Theme) -> Self {
        Self::new(run, theme, Selection::default())
    }

    /// The answer to a probe at the selected moment, if it has arrived.
    #[must_use]
    pub fn frame(&self, what: &ProbeQuery) -> Option<&'a Frame> {
        self.run.frames.get(&Probe { what: what.clone(), at: self.moment })
    }

    /// Writes why there is nothing to draw: the reason that a frame gives, or that the frame has
    /// not arrived.
    pub fn write_missing(&self, frame: Option<&Frame>, area: Rect, buffer: &mut Buffer) {
        let theme = self.theme;
        let (text, role) = match frame.map(|frame| &frame.content) {
            Some(Content::Unavailable(why)) => (why.as_str(), TextRole::Warning),
            _ => ("waiting for the network…", TextRole::Dim),
        };
        write_wrapped(buffer, area, theme.say(text), theme.style(role));
    }

    /// The moment of a frame in words; empty for a saved model, which does not change.
    #[must_use]
    pub fn as_of(&self, frame: &Frame) -> String {
        match self.model {
            Some(_) => String::new(),
            None if self.counts_steps() => self.theme.fill("step {}", &[&frame.batch]),
            None if frame.batch == 0 => self.theme.fill("epoch {}", &[&frame.epoch]),
            None => self.theme.fill("epoch {} + {} batches", &[&frame.epoch, &frame.batch]),
        }
    }

    /// Like [`Self::as_of`], for a frame about layers; for an ensemble the text says that they are
    /// those of its first network.
    #[must_use]
    pub fn as_of_layers(&self, frame: &Frame) -> String {
        match self.model {
            Some(networks) if networks > 1 => self.theme.fill("network 1 of {}", &[&networks]),
            _ => self.as_of(frame),
        }
    }

    /// The newest answer that `accepts` accepts, to show while the exact one is pending.
    pub fn latest_frame(&self, accepts: impl Fn(&ProbeQuery) -> bool) -> Option<&'a Frame> {
        let fits = |frame: &&Frame| accepts(&frame.probe.what) && frame.probe.at == self.moment;
        self.run.frames.values().filter(fits).max_by_key(|frame| (frame.epoch, frame.batch))
    }

    /// The statistics of the newest measured epoch up to the selected one.
    #[must_use]
    pub fn stats(&self) -> Option<&'a EpochStats> {
        match self.moment {
            Moment::Live => self.run.latest(),
            Moment::Epoch(epoch) => {
                let points = self.run.epochs.points();
                let after = points.partition_point(|stats| stats.epoch <= epoch);
                after.checked_sub(1).map(|index| &points[index])
            }
        }
    }

    /// Whether progress is counted in steps, as for a command, instead of epochs.
    #[must_use]
    pub fn counts_steps(&self) -> bool {
        self.run.info.as_ref().is_some_and(|info| info.network.is_empty() && info.epochs == 0)
    }

    /// The name of a class, or its number if it has none; "no answer" for [`NO_PREDICTION`].
    #[must_use]
    pub fn class(&self, label: u32) -> String {
        if label == NO_PREDICTION {
            return self.theme.say("no answer").into();
        }
        let classes = self.run.info.as_ref().map(|info| &info.classes);
        let name = classes.and_then(|classes| classes.get(label as usize));
        name.cloned().unwrap_or_else(|| label.to_string())
    }

    /// The shape (maps, height, width) for drawing a layer's incoming weights: an image if the
    /// layer reads the images as a vector.
    #[must_use]
    pub fn weights_shape(&self, layer: u32, tensor: &Tensor) -> [usize; 3] {
        let shape = tensor.shape.map(|side| side as usize);
        let image =
            self.run.info.as_ref().map(|i| [i.image_height as usize, i.image_width as usize]);
        match (shape, image) {
            ([1, 1, inputs], Some([height, width])) if layer == 0 && inputs == height * width => {
                [1, height, width]
            }
            _ => shape,
        }
    }

    /// The weights of a unit as an image: in colour if the layer reads colour images and the
    /// terminal has the colours, otherwise one map below the other.
    #[must_use]
    pub fn weights_raster<'t>(&self, layer: u32, tensor: &'t Tensor, largest: f32) -> Raster<'t> {
        let size = self.weights_size(layer, tensor);
        if self.weights_are_coloured(layer, tensor) {
            return Raster::colour_heatmap(&tensor.values, size, largest, self.theme);
        }
        Raster::heatmap(&tensor.values, size, largest, self.theme)
    }

    /// Columns and rows of [`ViewContext::weights_raster`].
    #[must_use]
    pub fn weights_size(&self, layer: u32, tensor: &Tensor) -> [usize; 2] {
        let [maps, height, width] = self.weights_shape(layer, tensor);
        if self.weights_are_coloured(layer, tensor) {
            [width, height]
        } else {
            [width, maps * height]
        }
    }

    /// Whether the weights of a layer belong to red, green and blue.
    #[must_use]
    pub fn weights_are_coloured(&self, layer: u32, tensor: &Tensor) -> bool {
        let [maps, height, _] = self.weights_shape(layer, tensor);
        let colour = self.run.info.as_ref().is_some_and(|info| info.channels() == 3);
        layer == 0 && colour && maps == 3 && height > 1 && self.theme.has_half_blocks()
    }

    /// Indices of the layers that have weights.
    #[must_use]
    pub fn weighted_layers(&self) -> Vec<u32> {
        let layers = self.run.info.iter().flat_map(|info| &info.layers);
        layers.enumerate().filter(|(_, l)| l.weights > 0).map(|(index, _)| index as u32).collect()
    }
}

/// A key and its description, for the help overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHelp {
    pub keys: &'static str,
    pub does: &'static str,
}

/// One screen of the dashboard.
pub trait View: Any {
    /// The id of the view.
    fn id(&self) -> ViewId;

    /// Descriptions for the help, one sentence each.
    fn about(&self) -> &'static [&'static str];

    /// The keys of this view.
    fn keys(&self) -> &'static [KeyHelp];

    /// The probes that it needs while it is visible, for the size at which it was last drawn.
    fn probes(&self, context: &ViewContext) -> Vec<ProbeQuery>;

    /// Handles a key press.
    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect;

    /// Handles pasted text, if a line is being typed.
    fn paste(&mut self, _text: &str) -> Effect {
        Effect::Ignored
    }

    /// Handles a mouse event inside `area`, where the view was last drawn.
    fn mouse(&mut self, _event: MouseEvent, _area: Rect, _context: &ViewContext) -> Effect {
        Effect::Ignored
    }

    /// Draws the view into an area of any size.
    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext);

    /// Called after an update of the run, so that the view can follow its selection.
    fn updated(&mut self, _context: &ViewContext) -> Effect {
        Effect::Ignored
    }
}
