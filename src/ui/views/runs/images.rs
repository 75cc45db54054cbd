//! Images in the logs of runs.

use super::chooser::Chooser;
use super::run_list::{SharedRunList, shown};
use crate::protocol::{ProbeQuery, SampleContent, SampleKind};
use crate::ui::effect::Effect;
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{draw_bitmap, wrap, write};
use crossterm::event::{KeyCode, KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Maximum columns and rows of an image that is not enlarged, because a large one takes seconds on
/// a slow connection.
const SMALL: [u16; 2] = [48, 24];

/// The names of the logged images, and the selected one at the selected step.
#[derive(Debug)]
pub struct ImagesView {
    shared: SharedRunList,
    chooser: Chooser,
    /// Enlarge the image to the available area.
    large: bool,
    /// The last decoded image: its run, name, step index and content.
    decoded: Option<(String, String, usize, SampleContent)>,
}

impl ImagesView {
    #[must_use]
    pub fn new(shared: SharedRunList) -> Self {
        Self { shared, chooser: Chooser::new(SampleKind::Image), large: false, decoded: None }
    }

    /// Decodes the selected image, unless it is already decoded.
    fn decode(&mut self) {
        let Some(entry) = self.chooser.entry() else { return };
        let (run, name, place) = (&entry.run, &entry.series.name, self.chooser.place());
        let known = self.decoded.as_ref();
        if known.is_some_and(|(r, n, p, _)| (r, n, *p) == (run, name, place)) {
            return;
        }
        if let Some(content) = self.chooser.sample(&self.shared.borrow()) {
            self.decoded = Some((run.clone(), name.clone(), place, content));
        }
    }
}

impl View for ImagesView {
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

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &ViewContext) -> Effect {
        match key.code {
            KeyCode::Char('+' | '=') => self.large = true,
            KeyCode::Char('-') => self.large = false,
            _ if self.chooser.key(key) => {}
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &ViewContext) -> Effect {
        if self.chooser.mouse(event) { Effect::Redraw } else { Effect::Ignored }
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let rest = {
            let mut shared = self.shared.borrow_mut();
            shared.refresh();
            let nothing = "these runs have logged no pictures";
            self.chooser.draw(&shared, nothing, area, buffer, theme)
        };
        let Some(rest) = rest else { return };
        self.decode();
        let Some(inside) = self.chooser.draw_pane(rest, buffer, theme) else { return };
        match &self.decoded {
            Some((.., SampleContent::Image(picture))) => {
                let (width, height) = if self.large {
                    (inside.width, inside.height)
                } else {
                    (inside.width.min(SMALL[0]), inside.height.min(SMALL[1]))
                };
                let drawn = draw_bitmap(picture, Rect { width, height, ..inside }, buffer, theme);
                let size = format!("{}×{}", picture.width, picture.height);
                write(buffer, inside, drawn.height, &size, theme.style(TextRole::Dim));
            }
            Some((.., SampleContent::Broken(why))) => {
                let text = theme.fill("this picture cannot be shown: {}", &[&shown(why, 400)]);
                for (row, line) in (0..inside.height).zip(wrap(&text, inside.width)) {
                    write(buffer, inside, row, &line, theme.style(TextRole::Bad));
                }
            }
            _ => {
                write(buffer, inside, 0, theme.say("reading…"), theme.style(TextRole::Dim));
            }
        }
    }
}
