//! A canvas to draw a digit on, and what the network makes of it while it is drawn.
//!
//! The drawing is scaled and centred as MNIST's digits were, damaged as the sliders say, and sent
//! to the run. One question is under way at a time: the next is asked when the answer is in, so a
//! slow run is never flooded. A question is named by its pixels, so an answer to an earlier stroke
//! (or to another terminal's drawing) is never taken for one to this.

mod canvas;
mod paint;
mod sliders;

use crate::picture::Drawing;
use crate::protocol::{Classified, Content, What};
use crate::ui::effect::Effect;
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{GridShape, share_at};
use canvas::{Canvas, Point, Tool};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use sliders::Sliders;

/// The side of the canvas where the run does not say how large its images are.
const SIDE: usize = 28;
/// Maximum number of pixels of a canvas.
const MOST_PIXELS: usize = 1 << 22;
/// News of the run after which a question without an answer is asked again: answers are samples,
/// and a sample may be dropped.
const PATIENCE: u32 = 30;

/// Where the keys go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Focus {
    #[default]
    Canvas,
    Sliders,
}

/// A question that is under way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    id: u64,
    /// News of the run since.
    waited: u32,
}

/// Where things were last drawn.
#[derive(Clone, Debug, Default)]
struct Places {
    canvas: Rect,
    /// The tracks of the sliders.
    sliders: Vec<Rect>,
}

/// The view.
#[derive(Debug)]
pub struct Draw {
    canvas: Canvas,
    sliders: Sliders,
    focus: Focus,
    tool: Tool,
    /// The pixel that the keys draw at: column, row.
    cursor: [usize; 2],
    /// The pen is down: moving the cursor draws.
    down: bool,
    /// Where the mouse was, while it draws.
    drag: Option<Point>,
    /// The drawing as the network sees it, and its name.
    seen: Drawing,
    id: u64,
    asked: Option<Asked>,
    answer: Option<Classified>,
    /// Completed epochs and mini-batches when the answer came: a network that learned since then
    /// may think otherwise.
    answered_at: (u32, u32),
    places: Places,
}

impl Default for Draw {
    fn default() -> Self {
        Self {
            canvas: Canvas::new(SIDE, SIDE, 1),
            sliders: Sliders::default(),
            focus: Focus::Canvas,
            tool: Tool::default(),
            cursor: [SIDE / 2; 2],
            down: false,
            drag: None,
            seen: Drawing::blank(SIDE, SIDE, 1),
            id: 0,
            asked: None,
            answer: None,
            answered_at: (0, 0),
            places: Places::default(),
        }
    }
}

/// How far training is.
fn progress(context: &Context) -> (u32, u32) {
    let progress = context.run.progress.as_ref();
    progress.map_or((context.run.epoch(), 0), |progress| (progress.epoch, progress.batch))
}

/// A name for pixels (FNV-1a), different for different pixels for all that matters.
fn name(pixels: &[u8]) -> u64 {
    pixels.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Draw {
    /// The answer to what is drawn now, not to an earlier stroke.
    fn current_answer(&self) -> Option<&Classified> {
        self.answer.as_ref().filter(|answer| answer.id == self.id)
    }

    /// The drawing or the damage changed.
    fn changed(&mut self, context: &Context) -> Effect {
        let drawn = &self.canvas.picture;
        // Noise on a blank canvas is not a question.
        self.seen =
            if drawn.is_blank() { drawn.clone() } else { drawn.to_input(&self.sliders.damage()) };
        self.id = name(&self.seen.ink);
        self.ask(context)
    }

    /// Asks what the drawing is, where that is not known yet and nothing is under way.
    fn ask(&mut self, context: &Context) -> Effect {
        let is_known = self.current_answer().is_some() && self.answered_at == progress(context);
        let is_waiting = self.asked.is_some_and(|asked| asked.waited < PATIENCE);
        if self.canvas.picture.is_blank() || is_known || is_waiting {
            return Effect::Redraw;
        }
        self.asked = Some(Asked { id: self.id, waited: 0 });
        Effect::Classify { id: self.id, pixels: self.seen.ink.clone() }
    }

    /// Takes the answer that was waited for.
    fn take_answer(&mut self, context: &Context) {
        let Some(asked) = &mut self.asked else { return };
        asked.waited += 1;
        if let Some(answer) = &context.run.classified
            && answer.id == asked.id
        {
            self.answer = Some(answer.clone());
            self.answered_at = progress(context);
            self.asked = None;
        }
    }

    /// A canvas of the size of the run's images, unless that is absurd: what a session says of its
    /// run is not trusted with the memory of the dashboard.
    fn fit(&mut self, context: &Context) {
        let Some(info) = &context.run.info else { return };
        let (width, height) = (info.image_width as usize, info.image_height as usize);
        let channels = info.channels();
        let Drawing { width: wide, height: high, channels: own, .. } = self.canvas.picture;
        let pixels = width.checked_mul(height).filter(|pixels| (1..=MOST_PIXELS).contains(pixels));
        if (wide, high, own) != (width, height, channels) && pixels.is_some() {
            *self = Self {
                canvas: Canvas::new(width, height, channels),
                seen: Drawing::blank(width, height, channels),
                cursor: [width / 2, height / 2],
                ..Self::default()
            };
        }
    }

    /// The middle of the pixel under the cursor.
    fn at_cursor(&self) -> Point {
        (self.cursor[0] as f32 + 0.5, self.cursor[1] as f32 + 0.5)
    }

    /// Moves the cursor to a pixel, drawing where the pen is down.
    fn go(&mut self, pixel: usize, context: &Context) -> Effect {
        let from = self.at_cursor();
        let width = self.canvas.picture.width;
        self.cursor = [pixel % width, pixel / width];
        if !self.down {
            return Effect::Redraw;
        }
        self.canvas.line(from, self.at_cursor(), self.tool);
        self.changed(context)
    }

    fn dab(&mut self, tool: Tool, context: &Context) -> Effect {
        self.canvas.begin();
        self.canvas.dab(self.at_cursor(), tool);
        self.changed(context)
    }

    /// Puts the selected test image on the canvas.
    fn trace(&mut self, context: &Context) -> Effect {
        let frame = context.frame(&What::Digit { index: context.digit });
        let Some(Content::Digit { card, .. }) = frame.map(|frame| &frame.content) else {
            return Effect::Redraw;
        };
        self.canvas.replace(card.pixels.clone());
        self.changed(context)
    }

    fn canvas_key(&mut self, code: KeyCode, context: &Context) -> Effect {
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

    fn slider_key(&mut self, code: KeyCode, context: &Context) -> Effect {
        match code {
            KeyCode::Up | KeyCode::Char('k') => self.sliders.select(-1),
            KeyCode::Down | KeyCode::Char('j') => self.sliders.select(1),
            KeyCode::Left | KeyCode::Char('h') => self.sliders.change(-1),
            KeyCode::Right | KeyCode::Char('l') => self.sliders.change(1),
            KeyCode::Home => self.sliders.set_to_end(false),
            KeyCode::End => self.sliders.set_to_end(true),
            KeyCode::Esc | KeyCode::Enter => self.focus = Focus::Canvas,
            _ => return Effect::Ignored,
        }
        self.changed(context)
    }

    /// Keys that mean the same whatever they act on.
    fn common_key(&mut self, code: KeyCode, context: &Context) -> Effect {
        match code {
            KeyCode::Char('a') => {
                self.focus = match self.focus {
                    Focus::Canvas => Focus::Sliders,
                    Focus::Sliders => Focus::Canvas,
                };
            }
            KeyCode::Char('e') => self.tool.erases = !self.tool.erases,
            KeyCode::Char('b') => self.tool.brush = self.tool.brush.next(),
            KeyCode::Char('i') => self.tool.colour = self.tool.colour.next(),
            KeyCode::Char('u') => drop(self.canvas.undo()),
            KeyCode::Char('U') => drop(self.canvas.redo()),
            KeyCode::Char('c') => {
                self.canvas.replace(vec![0; self.canvas.picture.ink.len()]);
            }
            KeyCode::Char('r') => self.sliders.reset(),
            KeyCode::Char('t') => return self.trace(context),
            KeyCode::Char('p') => {
                return Effect::SavePicture(self.seen.clone());
            }
            KeyCode::PageUp => return Effect::SelectDigit(context.digit.saturating_sub(1)),
            KeyCode::PageDown => return Effect::SelectDigit(context.digit + 1),
            _ => return Effect::Ignored,
        }
        self.changed(context)
    }

    /// The place on the canvas under the mouse: the middle of the cell it is on.
    fn point(&self, at: Position) -> Option<Point> {
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

    fn mouse_draws(&mut self, at: Position, begins: bool, erases: bool, c: &Context) -> Effect {
        let Some(point) = self.point(at) else { return Effect::Ignored };
        if begins {
            self.canvas.begin();
            self.focus = Focus::Canvas;
        }
        let tool = Tool { erases: self.tool.erases || erases, ..self.tool };
        self.canvas.line(self.drag.unwrap_or(point), point, tool);
        self.drag = Some(point);
        let inside = |at: f32, size: usize| (at as usize).min(size - 1);
        let Drawing { width, height, .. } = self.canvas.picture;
        self.cursor = [inside(point.0, width), inside(point.1, height)];
        self.changed(c)
    }

    fn mouse_slides(&mut self, at: Position, begins: bool, context: &Context) -> Effect {
        let mut tracks = self.places.sliders.iter();
        let hit = if begins {
            tracks.position(|track| track.contains(at))
        } else {
            (self.focus == Focus::Sliders).then_some(self.sliders.selected)
        };
        let Some(index) = hit else { return Effect::Ignored };
        let Some(track) = self.places.sliders.get(index) else { return Effect::Ignored };
        let share = share_at(*track, at.x);
        self.focus = Focus::Sliders;
        self.sliders.drag(index, share);
        self.changed(context)
    }
}

impl View for Draw {
    fn id(&self) -> ViewId {
        ViewId::Draw
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Draw a digit: it is scaled and centred as MNIST's digits are, and classified while you draw.",
            "The sliders damage what the network sees, not your drawing.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
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
        ]
    }

    fn probes(&self, context: &Context) -> Vec<What> {
        vec![What::Digit { index: context.digit }]
    }

    fn key(&mut self, key: KeyEvent, context: &Context) -> Effect {
        self.fit(context);
        let reaction = match self.focus {
            Focus::Canvas => self.canvas_key(key.code, context),
            Focus::Sliders => self.slider_key(key.code, context),
        };
        if reaction == Effect::Ignored { self.common_key(key.code, context) } else { reaction }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &Context) -> Effect {
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
            // The end of a drag may have been lost outside the view.
            self.drag = None;
        }
        if self.drag.is_none() {
            let slid = self.mouse_slides(at, begins, context);
            if slid != Effect::Ignored {
                return slid;
            }
        }
        // A drag that began elsewhere draws nothing.
        if !begins && self.drag.is_none() {
            return Effect::Ignored;
        }
        self.mouse_draws(at, begins, button == MouseButton::Right, context)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        self.fit(context);
        self.places = paint::paint(self, area, buffer, context);
    }

    fn updated(&mut self, context: &Context) -> Effect {
        self.fit(context);
        self.take_answer(context);
        self.ask(context)
    }
}

#[cfg(test)]
mod tests;
