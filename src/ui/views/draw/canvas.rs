//! The canvas: a brush that adds or removes ink, with undo.

use crate::picture::Drawing;

/// Maximum number of undo steps.
const REMEMBERED: usize = 100;

/// The width of a stroke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Brush {
    /// One pixel exactly.
    Fine,
    /// As wide as MNIST's strokes.
    #[default]
    Round,
    Broad,
}

impl Brush {
    /// The next one, cyclically.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Fine => Self::Round,
            Self::Round => Self::Broad,
            Self::Broad => Self::Fine,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Round => "round",
            Self::Broad => "broad",
        }
    }

    /// Distance in pixels from the centre at which the ink has half its strength.
    fn radius(self) -> f32 {
        match self {
            Self::Fine => 0.5,
            Self::Round => 1.1,
            Self::Broad => 1.9,
        }
    }
}

/// The colour of strokes on a colour canvas; a grey canvas only has white.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Colour {
    #[default]
    White,
    Red,
    Yellow,
    Green,
    Blue,
    Black,
}

impl Colour {
    /// The next one, cyclically.
    pub(super) fn next(self) -> Self {
        match self {
            Self::White => Self::Red,
            Self::Red => Self::Yellow,
            Self::Yellow => Self::Green,
            Self::Green => Self::Blue,
            Self::Blue => Self::Black,
            Self::Black => Self::White,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::White => "white",
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Blue => "blue",
            Self::Black => "black",
        }
    }

    /// Red, green, blue.
    fn channels(self) -> [u8; 3] {
        match self {
            Self::White => [255; 3],
            Self::Red => [220, 40, 40],
            Self::Yellow => [240, 210, 40],
            Self::Green => [40, 170, 70],
            Self::Blue => [50, 90, 220],
            Self::Black => [0; 3],
        }
    }
}

/// A brush, its colour, and whether it erases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tool {
    pub brush: Brush,
    pub colour: Colour,
    pub erases: bool,
}

/// A position on the canvas in pixels from its top left corner.
pub(super) type CanvasPoint = (f32, f32);

/// The drawing with its undo history.
#[derive(Debug)]
pub(super) struct Canvas {
    pub picture: Drawing,
    past: Vec<Vec<u8>>,
    future: Vec<Vec<u8>>,
}

impl Canvas {
    /// A blank canvas with 1 or 3 channels.
    pub(super) fn new(width: usize, height: usize, channels: usize) -> Self {
        let picture = Drawing::blank(width, height, channels);
        Self { picture, past: Vec::new(), future: Vec::new() }
    }

    /// Begins a stroke, which is undone as a whole.
    pub(super) fn begin(&mut self) {
        if self.past.len() == REMEMBERED {
            self.past.remove(0);
        }
        self.past.push(self.picture.ink.clone());
        self.future.clear();
    }

    /// Moves the tool along a line.
    pub(super) fn line(&mut self, from: CanvasPoint, to: CanvasPoint, tool: Tool) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        // Two dabs per pixel leave no gaps.
        let steps = (2.0 * dx.hypot(dy)).ceil().max(1.0);
        for step in 0..=steps as u32 {
            let share = step as f32 / steps;
            self.dab((from.0 + share * dx, from.1 + share * dy), tool);
        }
    }

    /// Applies the tool at a position.
    pub(super) fn dab(&mut self, (x, y): CanvasPoint, tool: Tool) {
        // The one-pixel brush is aligned to the pixel grid.
        let snap = |at: f32| if tool.brush == Brush::Fine { at.floor() + 0.5 } else { at };
        let (x, y) = (snap(x), snap(y));
        let radius = tool.brush.radius();
        let (width, channels) = (self.picture.width, self.picture.channels);
        let colour = match (tool.erases, channels) {
            (true, _) => Colour::Black,
            (false, 1) => Colour::White,
            (false, _) => tool.colour,
        };
        for (at, pixel) in self.picture.ink.chunks_exact_mut(channels).enumerate() {
            let (dx, dy) = ((at % width) as f32 + 0.5 - x, (at / width) as f32 + 0.5 - y);
            let cover = (radius + 0.5 - dx.hypot(dy)).clamp(0.0, 1.0);
            if cover == 0.0 {
                continue;
            }
            for (ink, full) in pixel.iter_mut().zip(colour.channels()) {
                // The brush adds or removes ink in proportion to its coverage of the pixel, and
                // never the other way.
                let least = (f32::from(full) * cover).round() as u8;
                let most = 255 - (f32::from(255 - full) * cover).round() as u8;
                *ink = (*ink).clamp(least, most);
            }
        }
    }

    /// Replaces the drawing by another one of the same size, as one stroke.
    pub(super) fn replace(&mut self, ink: Vec<u8>) {
        if ink != self.picture.ink && ink.len() == self.picture.ink.len() {
            self.begin();
            self.picture.ink = ink;
        }
    }

    /// Undoes the last stroke; false if there is none.
    pub(super) fn undo(&mut self) -> bool {
        let Some(before) = self.past.pop() else { return false };
        self.future.push(std::mem::replace(&mut self.picture.ink, before));
        true
    }

    /// Redoes the last undone stroke; false if there is none.
    pub(super) fn redo(&mut self) -> bool {
        let Some(after) = self.future.pop() else { return false };
        self.past.push(std::mem::replace(&mut self.picture.ink, after));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Tool = Tool { brush: Brush::Fine, colour: Colour::Red, erases: false };

    fn inked(canvas: &Canvas) -> Vec<usize> {
        let ink = canvas.picture.ink.iter().enumerate();
        ink.filter(|(_, ink)| **ink > 0).map(|(at, _)| at).collect()
    }

    #[test]
    fn a_line_has_no_gaps() {
        let mut canvas = Canvas::new(9, 9, 1);
        canvas.line((0.5, 4.5), (8.5, 4.5), FINE);
        assert_eq!(inked(&canvas), (36..45).collect::<Vec<_>>());
        let mut diagonal = Canvas::new(9, 9, 1);
        diagonal.line((0.5, 0.5), (8.5, 8.5), FINE);
        assert!((0..9).all(|at| diagonal.picture.ink[10 * at] == 255));
    }

    #[test]
    fn brushes_differ_in_width_and_have_soft_edges() {
        let dab = |brush| {
            let mut canvas = Canvas::new(9, 9, 1);
            canvas.dab((4.5, 4.5), Tool { brush, ..Tool::default() });
            canvas.picture.ink
        };
        let covered = |ink: &[u8]| ink.iter().filter(|ink| **ink > 0).count();
        let counts = [Brush::Fine, Brush::Round, Brush::Broad].map(|brush| covered(&dab(brush)));
        assert!(counts[0] == 1 && counts[1] > 4 && counts[2] > counts[1], "{counts:?}");
        assert!(dab(Brush::Round).iter().any(|ink| (1..255).contains(ink)), "grey at the edge");
        assert_eq!(dab(Brush::Round)[40], 255);
    }

    #[test]
    fn colours_are_painted_over_each_other() {
        let mut canvas = Canvas::new(1, 1, 3);
        canvas.dab((0.5, 0.5), FINE);
        assert_eq!(canvas.picture.ink, [220, 40, 40]);
        canvas.dab((0.5, 0.5), Tool { colour: Colour::Blue, ..FINE });
        assert_eq!(canvas.picture.ink, [50, 90, 220]);
        canvas.dab((0.5, 0.5), Tool { erases: true, ..FINE });
        assert!(canvas.picture.is_blank());
        let colours: Vec<&str> =
            std::iter::successors(Some(Colour::White), |colour| Some(colour.next()))
                .take(7)
                .map(Colour::name)
                .collect();
        assert_eq!(colours, ["white", "red", "yellow", "green", "blue", "black", "white"]);
    }

    #[test]
    fn strokes_are_undone_and_redone_one_by_one() {
        let mut canvas = Canvas::new(5, 5, 1);
        canvas.begin();
        canvas.line((0.5, 0.5), (4.5, 0.5), FINE);
        let first = canvas.picture.clone();
        canvas.begin();
        canvas.dab((2.5, 0.5), Tool { erases: true, ..FINE });
        assert_eq!(canvas.picture.ink[2], 0, "erased");
        assert!(canvas.undo());
        assert_eq!(canvas.picture, first);
        assert!(canvas.redo());
        assert_eq!(canvas.picture.ink[2], 0);
        assert!(canvas.undo() && canvas.undo());
        assert!(canvas.picture.is_blank() && !canvas.undo());
        canvas.replace(first.ink.clone());
        assert!(!canvas.redo(), "a new stroke clears the redo history");
        assert!(canvas.undo() && canvas.picture.is_blank());
    }
}
