//! Texts, images and histograms that a script reported: the newest of every tag.

use crate::protocol::{Media, MediaBody, ProbeQuery, printable};
use crate::ui::effect::Effect;
use crate::ui::numbers::short;
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Histogram, Pane, Raster, wrap, write};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Widget;

/// Columns of the list of tags.
const LIST: u16 = 30;

/// The tags that a script reported, and the newest text, image or histogram of the selected one.
#[derive(Debug, Default)]
pub(in crate::ui) struct MediaView {
    /// The selected tag; the newest one if none is selected.
    chosen: Option<String>,
}

impl View for MediaView {
    fn id(&self) -> ViewId {
        ViewId::Media
    }

    fn about(&self) -> &'static [&'static str] {
        &["The newest text, image or distribution of every tag that the script reports."]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[KeyHelp { keys: "↑↓", does: "another tag" }]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        let tags = tags(context);
        let at = self.shown(context).and_then(|shown| tags.iter().position(|t| *t == shown.tag));
        let Some(at) = at else { return Effect::Ignored };
        let next = match key.code {
            KeyCode::Up | KeyCode::Char('k') => at.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => (at + 1).min(tags.len() - 1),
            KeyCode::Home => 0,
            KeyCode::End => tags.len() - 1,
            _ => return Effect::Ignored,
        };
        self.chosen = Some(tags[next].to_owned());
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let Some(shown) = self.shown(context) else {
            let inside = Pane::new("Media", theme).draw(area, buffer);
            let text = theme.say("the script reports no texts, images or distributions yet");
            write(buffer, inside, 0, text, theme.style(TextRole::Dim));
            return;
        };
        let list = if area.width >= 3 * LIST { LIST } else { 0 };
        let [side, main] =
            Layout::horizontal([Constraint::Length(list), Constraint::Fill(1)]).areas(area);
        let inside = Pane::new("Tags", theme).draw(side, buffer);
        for (row, tag) in (0..inside.height).zip(tags(context)) {
            let role = if tag == shown.tag { TextRole::Selected } else { TextRole::Text };
            write(buffer, inside, row, &printable(tag), theme.style(role));
        }
        let note = theme.fill("step {}", &[&shown.step]);
        let inside = Pane::new(&printable(&shown.tag), theme).note(&note).draw(main, buffer);
        draw(&shown.body, inside, buffer, context);
    }
}

impl MediaView {
    fn shown<'a>(&self, context: &ViewContext<'a>) -> Option<&'a Media> {
        let media = &context.run.media;
        let chosen = media.iter().find(|media| Some(&media.tag) == self.chosen.as_ref());
        chosen.or_else(|| media.last())
    }
}

/// All tags, sorted by name.
fn tags<'a>(context: &ViewContext<'a>) -> Vec<&'a str> {
    let mut tags: Vec<&str> = context.run.media.iter().map(|media| media.tag.as_str()).collect();
    tags.sort_unstable();
    tags
}

fn draw(body: &MediaBody, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let theme = context.theme;
    match body {
        MediaBody::Text(text) => {
            let lines = text.lines().flat_map(|line| wrap(&printable(line), area.width));
            for (row, line) in (0..area.height).zip(lines) {
                write(buffer, area, row, &line, theme.style(TextRole::Text));
            }
        }
        MediaBody::Image { width, height, pixels, .. } => {
            let size = [*width as usize, *height as usize];
            let pixels: Vec<f32> = pixels.iter().map(|&pixel| f32::from(pixel)).collect();
            (&Raster::picture(&pixels, size, theme)).render(area, buffer);
        }
        MediaBody::Histogram { low, high, counts } => {
            let ends = format!("{} … {}", short(*low), short(*high));
            write(buffer, area, 0, &ends, theme.style(TextRole::Dim));
            let below = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
            let (low, high) = (*low as f32, *high as f32);
            (&Histogram { low, high, counts, theme: *theme })
                .render(below.intersection(area), buffer);
        }
    }
}
