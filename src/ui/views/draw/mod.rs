//! A canvas for drawing a digit, with the network's prediction while it is drawn.
//!
//! The drawing is scaled and centred as in MNIST, distorted according to the sliders, and sent to
//! the run. Only one request is pending at a time, so that a slow run is not flooded. A request is
//! identified by a hash of its pixels, so that an answer to an earlier stroke, or to another
//! client's drawing, is not mistaken for its own.

mod canvas;
mod paint;
mod sliders;

use crate::picture::Drawing;
use crate::protocol::{Classified, Content, ProbeQuery};
use crate::ui::effect::Effect;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{GridShape, share_at};
use canvas::{Canvas, CanvasPoint, Tool};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use sliders::Sliders;

/// The size of the canvas if the run does not report the size of its images.
const SIDE: usize = 28;
/// Maximum number of pixels of a canvas.
const MAX_PIXELS: usize = 1 << 22;
/// Number of updates after which a request without an answer is repeated, because answers are
/// samples, which may be dropped.
const RETRY_UPDATES: u32 = 30;

/// The focus of the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum DrawFocus {
    #[default]
    Canvas,
    Sliders,
}

/// A pending request.
#[derive(Clone, Copy, Debug)]
struct Pending {
    id: u64,
    /// Number of updates since the request.
    waited: u32,
}

/// Areas of the parts when they were last drawn.
#[derive(Clone, Debug, Default)]
struct DrawAreas {
    canvas: Rect,
    /// The tracks of the sliders.
    sliders: Vec<Rect>,
}

/// The canvas, the network's input and prediction, and the sliders that distort the input.
#[derive(Debug)]
pub struct DrawView {
    canvas: Canvas,
    sliders: Sliders,
    focus: DrawFocus,
    tool: Tool,
    /// The pixel under the keyboard cursor: column, row.
    cursor: [usize; 2],
    /// The pen is down, so moving the cursor draws.
    down: bool,
    /// The last position of the mouse while it draws.
    drag: Option<CanvasPoint>,
    /// The network's input and its hash.
    input: Drawing,
    id: u64,
    pending: Option<Pending>,
    answer: Option<Classified>,
    /// Completed epochs and mini-batches at the time of the answer. If the network has learned
    /// since then, its prediction may change.
    answered_at: (u32, u32),
    places: DrawAreas,
}

impl Default for DrawView {
    fn default() -> Self {
        Self {
            canvas: Canvas::new(SIDE, SIDE, 1),
            sliders: Sliders::default(),
            focus: DrawFocus::Canvas,
            tool: Tool::default(),
            cursor: [SIDE / 2; 2],
            down: false,
            drag: None,
            input: Drawing::blank(SIDE, SIDE, 1),
            id: 0,
            pending: None,
            answer: None,
            answered_at: (0, 0),
            places: DrawAreas::default(),
        }
    }
}

/// The progress of training.
fn progress(context: &ViewContext) -> (u32, u32) {
    let progress = context.run.progress.as_ref();
    progress.map_or((context.run.epoch(), 0), |progress| (progress.epoch, progress.batch))
}

/// A hash of the pixels (FNV-1a), used as the id of a request.
fn hash(pixels: &[u8]) -> u64 {
    pixels.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl DrawView {
    /// The answer for the current drawing, if it has arrived.
    fn current_answer(&self) -> Option<&Classified> {
        self.answer.as_ref().filter(|answer| answer.id == self.id)
    }

    /// Handles a change of the drawing or the distortion.
    fn changed(&mut self, context: &ViewContext) -> Effect {
        let drawn = &self.canvas.picture;
        // A blank canvas with noise is not sent.
        self.input = if drawn.is_blank() {
            drawn.clone()
        } else {
            drawn.to_input(&self.sliders.distortion())
        };
        self.id = hash(&self.input.ink);
        self.request_prediction(context)
    }

    /// Requests a prediction if there is none for the current drawing and no request is pending.
    fn request_prediction(&mut self, context: &ViewContext) -> Effect {
        let is_known = self.current_answer().is_some() && self.answered_at == progress(context);
        let is_waiting = self.pending.is_some_and(|pending| pending.waited < RETRY_UPDATES);
        if self.canvas.picture.is_blank() || is_known || is_waiting {
            return Effect::Redraw;
        }
        self.pending = Some(Pending { id: self.id, waited: 0 });
        Effect::Classify { id: self.id, pixels: self.input.ink.clone() }
    }

    /// Takes the answer to the pending request.
    fn take_answer(&mut self, context: &ViewContext) {
        let Some(pending) = &mut self.pending else { return };
        pending.waited += 1;
        if let Some(answer) = &context.run.classified
            && answer.id == pending.id
        {
            self.answer = Some(answer.clone());
            self.answered_at = progress(context);
            self.pending = None;
        }
    }

    /// Adapts the canvas to the size of the run's images, if that is at most `MAX_PIXELS`: the size
    /// comes from a session, which is not trusted, and determines how much memory is allocated.
    fn fit(&mut self, context: &ViewContext) {
        let Some(info) = &context.run.info else { return };
        let (width, height) = (info.image_width as usize, info.image_height as usize);
        let channels = info.channels();
        let Drawing { width: wide, height: high, channels: own, .. } = self.canvas.picture;
        let pixels = width.checked_mul(height).filter(|pixels| (1..=MAX_PIXELS).contains(pixels));
        if (wide, high, own) != (width, height, channels) && pixels.is_some() {
            *self = Self {
                canvas: Canvas::new(width, height, channels),
                input: Drawing::blank(width, height, channels),
                cursor: [width / 2, height / 2],
                ..Self::default()
            };
        }
    }

    /// The centre of the pixel under the cursor.
    fn at_cursor(&self) -> CanvasPoint {
        (self.cursor[0] as f32 + 0.5, self.cursor[1] as f32 + 0.5)
    }

    /// Moves the cursor to a pixel; draws if the pen is down.
    fn go(&mut self, pixel: usize, context: &ViewContext) -> Effect {
        let from = self.at_cursor();
        let width = self.canvas.picture.width;
        self.cursor = [pixel % width, pixel / width];
        if !self.down {
            return Effect::Redraw;
        }
        self.canvas.line(from, self.at_cursor(), self.tool);
        self.changed(context)
    }

    fn dab(&mut self, tool: Tool, context: &ViewContext) -> Effect {
        self.canvas.begin();
        self.canvas.dab(self.at_cursor(), tool);
        self.changed(context)
    }

    /// Copies the selected test image to the canvas.
    fn trace(&mut self, context: &ViewContext) -> Effect {
        let frame = context.frame(&ProbeQuery::Digit { index: context.digit });
        let Some(Content::Digit { card, .. }) = frame.map(|frame| &frame.content) else {
            return Effect::Redraw;
        };
        self.canvas.replace(card.pixels.clone());
        self.changed(context)
    }

    fn canvas_key(&mut self, code: KeyCode, context: &ViewContext) -> Effect {
        let Drawing { width, height, .. } = self.canvas.picture;
        let pixels = GridShape { count: width * height, columns: width, page: 0, wraps: false };
        let at = self.cursor[1] * width + self.cursor[0];
        let goes = !matches!(code, KeyCode::Home | KeyCode::End);
        if let Some(pixel) = pixels.moved(at, code).filter(|_| goes) {
            return self.go(pixel, context);
        }
        match code {
            KeyCode::Char(' ') => self.dab(self.tool, context),
            KeyCode::Char('x') | KeyCode::Delete | KeyCode::Backspace => {
                self.dab(Tool { erases: true, ..self.tool }, context)
            }
            KeyCode::Enter => {
                self.down = !self.down;
                if self.down { self.dab(self.tool, context) } else { Effect::Redraw }
            }
            KeyCode::Esc if self.down => {
                self.down = false;
                Effect::Redraw
            }
            _ => Effect::Ignored,
        }
    }

    fn slider_key(&mut self, code: KeyCode, context: &ViewContext) -> Effect {
        match code {
            KeyCode::Up | KeyCode::Char('k') => self.sliders.select(-1),
            KeyCode::Down | KeyCode::Char('j') => self.sliders.select(1),
            KeyCode::Left | KeyCode::Char('h') => self.sliders.change(-1),
            KeyCode::Right | KeyCode::Char('l') => self.sliders.change(1),
            KeyCode::Home => self.sliders.set_to_end(false),
            KeyCode::End => self.sliders.set_to_end(true),
            KeyCode::Esc | KeyCode::Enter => self.focus = DrawFocus::Canvas,
            _ => return Effect::Ignored,
        }
        self.changed(context)
    }

    /// Keys that work with any focus.
    fn common_key(&mut self, code: KeyCode, context: &ViewContext) -> Effect {
        match code {
            KeyCode::Char('a') => {
                self.focus = match self.focus {
                    DrawFocus::Canvas => DrawFocus::Sliders,
                    DrawFocus::Sliders => DrawFocus::Canvas,
                };
            }
            KeyCode::Char('e') => self.tool.erases = !self.tool.erases,
            KeyCode::Char('b') => self.tool.brush = self.tool.brush.next(),
            KeyCode::Char('C') if self.draws_in_colour() => {
                self.tool.colour = self.tool.colour.next();
            }
            KeyCode::Char('u') => drop(self.canvas.undo()),
            KeyCode::Char('U') => drop(self.canvas.redo()),
            KeyCode::Char('c') => {
                self.canvas.replace(vec![0; self.canvas.picture.ink.len()]);
            }
            KeyCode::Char('r') => self.sliders.reset(),
            KeyCode::Char('t') => return self.trace(context),
            KeyCode::Char('p') => {
                return Effect::SavePicture(self.input.clone());
            }
            KeyCode::PageUp => return Effect::SelectDigit(context.digit.saturating_sub(1)),
            KeyCode::PageDown => return Effect::SelectDigit(context.digit + 1),
            _ => return Effect::Ignored,
        }
        self.changed(context)
    }

    fn draws_in_colour(&self) -> bool {
        self.canvas.picture.channels == 3
    }

    /// The position on the canvas at the centre of the cell under the mouse.
    fn point(&self, at: Position) -> Option<CanvasPoint> {
        let place = self.places.canvas;
        let Drawing { width, height, .. } = self.canvas.picture;
        let along = |at: u16, start: u16, cells: u16, size: usize| {
            (f32::from(at - start) + 0.5) * size as f32 / f32::from(cells)
        };
        place.contains(at).then(|| {
            let x = along(at.x, place.x, place.width, width);
            (x, along(at.y, place.y, place.height, height))
        })
    }

    fn mouse_draws(&mut self, at: Position, begins: bool, erases: bool, c: &ViewContext) -> Effect {
        let Some(point) = self.point(at) else { return Effect::Ignored };
        if begins {
            self.canvas.begin();
            self.focus = DrawFocus::Canvas;
        }
        let tool = Tool { erases: self.tool.erases || erases, ..self.tool };
        self.canvas.line(self.drag.unwrap_or(point), point, tool);
        self.drag = Some(point);
        let inside = |at: f32, size: usize| (at as usize).min(size - 1);
        let Drawing { width, height, .. } = self.canvas.picture;
        self.cursor = [inside(point.0, width), inside(point.1, height)];
        self.changed(c)
    }

    fn mouse_slides(&mut self, at: Position, begins: bool, context: &ViewContext) -> Effect {
        let mut tracks = self.places.sliders.iter();
        let hit = if begins {
            tracks.position(|track| track.contains(at))
        } else {
            (self.focus == DrawFocus::Sliders).then_some(self.sliders.selected)
        };
        let Some(index) = hit else { return Effect::Ignored };
        let Some(track) = self.places.sliders.get(index) else { return Effect::Ignored };
        let share = share_at(*track, at.x);
        self.focus = DrawFocus::Sliders;
        self.sliders.drag(index, share);
        self.changed(context)
    }
}

/// The keys; the last one needs a network for colour images.
const KEYS: [KeyHelp; 12] = [
    KeyHelp { keys: "space", does: "paint; :pause pauses training here" },
    KeyHelp { keys: "←→↑↓", does: "move the cursor" },
    KeyHelp { keys: "Enter", does: "pen down or up: with it down, moving draws" },
    KeyHelp { keys: "x", does: "erase at the cursor; e makes the pen an eraser" },
    KeyHelp { keys: "mouse", does: "draw; the right button erases" },
    KeyHelp { keys: "b", does: "brush: fine, round, broad" },
    KeyHelp { keys: "u U", does: "undo, redo" },
    KeyHelp { keys: "c", does: "clear" },
    KeyHelp { keys: "t", does: "take the selected test image; PgUp PgDn: another" },
    KeyHelp { keys: "a", does: "sliders: ↑↓ which, ←→ how much; r resets them" },
    KeyHelp { keys: "p", does: "save as PNG what the network sees" },
    KeyHelp { keys: "C", does: "colour of the pen" },
];

impl View for DrawView {
    fn id(&self) -> ViewId {
        ViewId::Draw
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Draw a digit: it is scaled and centred as MNIST's digits are, and classified while you draw.",
            "The sliders distort what the network sees, not your drawing.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        if self.draws_in_colour() { &KEYS } else { &KEYS[..KEYS.len() - 1] }
    }

    fn probes(&self, context: &ViewContext) -> Vec<ProbeQuery> {
        vec![ProbeQuery::Digit { index: context.digit }]
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        self.fit(context);
        let reaction = match self.focus {
            DrawFocus::Canvas => self.canvas_key(key.code, context),
            DrawFocus::Sliders => self.slider_key(key.code, context),
        };
        if reaction == Effect::Ignored { self.common_key(key.code, context) } else { reaction }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        let at = Position::new(event.column, event.row);
        let (button, begins) = match event.kind {
            MouseEventKind::Down(button) => (button, true),
            MouseEventKind::Drag(button) => (button, false),
            MouseEventKind::Up(_) => {
                self.drag = None;
                return Effect::Redraw;
            }
            _ => return Effect::Ignored,
        };
        if begins {
            // The end of the drag may have been lost outside the view.
            self.drag = None;
        }
        if self.drag.is_none() {
            let slid = self.mouse_slides(at, begins, context);
            if slid != Effect::Ignored {
                return slid;
            }
        }
        // A drag that began elsewhere does not draw.
        if !begins && self.drag.is_none() {
            return Effect::Ignored;
        }
        self.mouse_draws(at, begins, button == MouseButton::Right, context)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        self.fit(context);
        self.places = paint::paint(self, area, buffer, context);
    }

    fn updated(&mut self, context: &ViewContext) -> Effect {
        self.fit(context);
        self.take_answer(context);
        self.request_prediction(context)
    }
}

#[cfg(test)]
mod tests;
