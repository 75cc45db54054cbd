//! Pictures in the logs of runs.

use super::chooser::Chooser;
use super::desk::{Shared, shown};
use crate::protocol::{SampleContent, SampleKind, What};
use crate::ui::effect::Effect;
use crate::ui::theme::Role;
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, draw_bitmap, wrap, write};
use crossterm::event::{KeyCode, KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Cells of a picture at most, across and down, unless it is enlarged: a large one takes a slow line
/// seconds.
const SMALL: [u16; 2] = [48, 24];

/// The view.
#[derive(Debug)]
pub struct Images {
    desk: Shared,
    chooser: Chooser,
    /// As large as there is room for.
    large: bool,
    /// The picture decoded last: its run, name and place.
    decoded: Option<(String, String, usize, SampleContent)>,
}

impl Images {
    #[must_use]
    pub fn new(desk: Shared) -> Self {
        Self { desk, chooser: Chooser::new(SampleKind::Image), large: false, decoded: None }
    }

    /// Decodes what is chosen, unless it is decoded already.
    fn decode(&mut self) {
        let Some(entry) = self.chooser.entry() else { return };
        let (run, name, place) = (&entry.run, &entry.series.name, self.chooser.place());
        let known = self.decoded.as_ref();
        if known.is_some_and(|(r, n, p, _)| (r, n, *p) == (run, name, place)) {
            return;
        }
        let content = self.desk.borrow().source.sample(run, SampleKind::Image, name, place);
        if let Some(content) = content {
            self.decoded = Some((run.clone(), name.clone(), place, content));
        }
    }
}

impl View for Images {
    fn id(&self) -> ViewId {
        ViewId::Images
    }

    fn about(&self) -> &'static [&'static str] {
        &["The pictures that runs have logged, step by step."]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "↑↓", does: "choose" },
            KeyHelp { keys: "←→", does: "step, Home End" },
            KeyHelp { keys: "+", does: "as large as there is room, - smaller" },
        ]
    }

    fn probes(&self, _context: &Context) -> Vec<What> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &Context) -> Effect {
        match key.code {
            KeyCode::Char('+' | '=') => self.large = true,
            KeyCode::Char('-') => self.large = false,
            _ if self.chooser.key(key) => {}
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &Context) -> Effect {
        if self.chooser.mouse(event) { Effect::Redraw } else { Effect::Ignored }
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        let theme = context.theme;
        let rest = {
            let mut desk = self.desk.borrow_mut();
            desk.refresh();
            let nothing = "these runs have logged no pictures";
            self.chooser.draw(&desk, nothing, area, buffer, theme)
        };
        let Some(rest) = rest else { return };
        self.decode();
        let Some(entry) = self.chooser.entry() else { return };
        let step = self.chooser.step().unwrap_or(0);
        let (place, count) = (self.chooser.place() + 1, entry.series.steps.len());
        let note = theme.fill("step {}, {} of {}", &[&step, &place, &count]);
        let title = shown(&entry.series.name, usize::from(rest.width / 2));
        let inside = Pane::new(&title, theme).note(&note).draw(rest, buffer);
        match &self.decoded {
            Some((.., SampleContent::Image(picture))) => {
                let (width, height) = if self.large {
                    (inside.width, inside.height)
                } else {
                    (inside.width.min(SMALL[0]), inside.height.min(SMALL[1]))
                };
                let drawn = draw_bitmap(picture, Rect { width, height, ..inside }, buffer, theme);
                let size = format!("{}×{}", picture.width, picture.height);
                write(buffer, inside, drawn.height, &size, theme.style(Role::Dim));
            }
            Some((.., SampleContent::Broken(why))) => {
                let text = theme.fill("this picture cannot be shown: {}", &[&shown(why, 400)]);
                for (row, line) in (0..inside.height).zip(wrap(&text, inside.width)) {
                    write(buffer, inside, row, &line, theme.style(Role::Bad));
                }
            }
            _ => {
                write(buffer, inside, 0, theme.say("reading…"), theme.style(Role::Dim));
            }
        }
    }
}
