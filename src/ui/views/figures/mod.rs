//! The figures and claims of an experiment: the view of `nntop book`.

pub(super) mod body;
mod claims;
mod surface;
mod wiring;

use crate::protocol::{Figure, FigureBody, ProbeQuery};
use crate::ui::effect::Effect;
use crate::ui::experiment_name::ExperimentName;
use crate::ui::numbers::duration;
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{ChartState, Pane, shortened, wrap, write, write_at, write_right};
use crossterm::event::{KeyCode, KeyEvent, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use unicode_width::UnicodeWidthStr;

/// The visible panes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Panes {
    /// The figure, and the claims if there is room.
    #[default]
    Both,
    Figure,
    Claims,
}

/// A figure of an experiment of the book, and the experiment's claims.
#[derive(Debug, Default)]
pub struct FiguresView {
    /// The id of the selected figure; the newest if there is none.
    chosen: Option<String>,
    /// Rows that a table, text or bar list is scrolled down.
    scroll: usize,
    panes: Panes,
    chart: ChartState,
    /// The book's experiments, which are listed if the run is none of them.
    pub experiments: Vec<ExperimentName>,
}

/// Minimum rows of the view for the experiment's name.
const NAMED: u16 = 14;
/// Maximum rows of the book's prediction.
const SENTENCE: usize = 2;

impl FiguresView {
    /// The experiment of the run.
    fn experiment(&self, context: &ViewContext) -> Option<&ExperimentName> {
        let title = &context.run.info.as_ref()?.title;
        let id = title.split(" ·").next().unwrap_or(title);
        self.experiments.iter().find(|experiment| experiment.id == id)
    }

    /// Draws the experiment's name and the book's prediction; returns the rest of the area.
    fn heading(&self, area: Rect, buffer: &mut Buffer, context: &ViewContext) -> Rect {
        let theme = context.theme;
        let Some(experiment) = self.experiment(context).filter(|_| area.height >= NAMED) else {
            return area;
        };
        let ExperimentName { id, chapter, title, expected } = experiment;
        let line = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
        let end = write(buffer, line, 0, id, theme.style(TextRole::Accent));
        let end = write_at(buffer, line, end + 2, 0, title, theme.style(TextRole::Title));
        let chapter = theme.fill("chapter {}", &[chapter]);
        write_at(buffer, line, end + 2, 0, &chapter, theme.style(TextRole::Dim));
        let sentence = wrap(&theme.fill("The book: {}", &[expected]), line.width);
        let rows = sentence.len().min(SENTENCE) as u16;
        for (row, text) in (1..=rows).zip(&sentence) {
            let more = row == rows && sentence.len() > SENTENCE;
            let whole = if more { format!("{text} …") } else { text.clone() };
            let text = shortened(&whole, usize::from(line.width));
            write(buffer, line, row, &text, theme.style(TextRole::Text));
        }
        Rect { y: area.y + 1 + rows, height: area.height - 1 - rows, ..area }
    }

    /// Lists the experiments if this run is not one.
    fn list(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let inside = Pane::new("The book", theme).draw(area, buffer);
        let text = "This run is not an experiment of the book, so it has no figures. `nntop book \
                    ID` runs one of these and shows its figures here:";
        let text = wrap(theme.say(text), inside.width);
        for (row, line) in (0..).zip(&text) {
            write(buffer, inside, row, line, theme.style(TextRole::Text));
        }
        let top = (text.len() as u16 + 1).min(inside.height);
        let below = Rect { y: inside.y + top, height: inside.height - top, ..inside };
        let height = usize::from(below.height);
        self.scroll = self.scroll.min(self.experiments.len().saturating_sub(height));
        let ids = self.experiments.iter().map(|experiment| experiment.id.width()).max();
        let titles = ids.unwrap_or(0) as u16 + 4;
        let shown = self.experiments.iter().skip(self.scroll);
        for (row, experiment) in (0..below.height).zip(shown) {
            let chapter = experiment.chapter.to_string();
            write(buffer, below, row, &chapter, theme.style(TextRole::Dim));
            write_at(buffer, below, 2, row, experiment.id, theme.style(TextRole::Accent));
            let room = usize::from(below.width.saturating_sub(titles));
            let title = shortened(experiment.title, room);
            write_at(buffer, below, titles, row, &title, theme.style(TextRole::Text));
        }
        if self.experiments.len() > self.scroll + height && below.height > 0 {
            let more = format!(" ▼ {} ", theme.say("more: ↓ or PgDn"));
            write_right(buffer, below, below.height - 1, &more, theme.style(TextRole::Accent));
        }
    }

    /// The index of the visible figure.
    fn index(&self, figures: &[Figure]) -> Option<usize> {
        let chosen = self.chosen.as_ref();
        let place = chosen.and_then(|id| figures.iter().position(|figure| &figure.id == id));
        place.or(figures.len().checked_sub(1))
    }

    fn choose(&mut self, index: usize, figures: &[Figure]) -> Effect {
        let Some(last) = figures.len().checked_sub(1) else { return Effect::Ignored };
        self.scroll = 0;
        self.chart = ChartState::default();
        self.chosen = Some(figures[index.min(last)].id.clone());
        Effect::Redraw
    }

    fn scroll(&mut self, rows: isize) -> Effect {
        self.scroll = self.scroll.saturating_add_signed(rows);
        Effect::Redraw
    }

    /// The areas of the figure and of the claims. Either is empty if the other is shown alone, that
    /// of the claims also if there are none or no room for them.
    fn split(&self, area: Rect, context: &ViewContext) -> [Rect; 2] {
        let claims = &context.run.claims;
        let wide = area.width >= 90;
        match self.panes {
            Panes::Claims => [Rect::ZERO, area],
            Panes::Both if !claims.is_empty() && wide => {
                Layout::horizontal([Constraint::Fill(1), Constraint::Length(area.width / 3)])
                    .areas(area)
            }
            Panes::Both if !claims.is_empty() && area.height >= 16 => {
                let wanted = claims::rows(claims, area.width.saturating_sub(2), context.theme) + 2;
                let height = wanted.min(area.height / 2);
                Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]).areas(area)
            }
            _ => [area, Rect::ZERO],
        }
    }

    fn figure(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext, index: usize) {
        let theme = context.theme;
        let figures = &context.run.figures;
        let figure = &figures[index];
        let note = if figures.len() > 1 {
            theme.fill("{} of {}", &[&(index + 1), &figures.len()])
        } else {
            String::new()
        };
        let inside = Pane::new(&figure.title, theme).note(&note).draw(area, buffer);
        let caption = wrap(&figure.caption, inside.width.saturating_sub(2));
        let foot = match caption.len() as u16 {
            _ if figure.caption.is_empty() || inside.height < 8 => 0,
            lines => (lines + 1).min(inside.height / 3),
        };
        let [picture, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(foot)]).areas(inside);
        let (scroll, chart) = (&mut self.scroll, &mut self.chart);
        body::draw(&figure.body, None, picture, buffer, context, scroll, chart);
        let below = Rect { x: below.x + 1, width: below.width.saturating_sub(2), ..below };
        for (row, line) in (1..below.height).zip(&caption) {
            write(buffer, below, row, line, theme.style(TextRole::Dim));
        }
    }
}

impl View for FiguresView {
    fn id(&self) -> ViewId {
        ViewId::Book
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "The figures of an experiment of the book, and its claims beside what was measured.",
            "A claim holds where the measured value lies within the tolerance of the expected one.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "←→", does: "another figure" },
            KeyHelp { keys: "↑↓", does: "scroll" },
            KeyHelp { keys: "Enter", does: "figure, claims, or both" },
            KeyHelp { keys: "c", does: "hide a curve" },
            KeyHelp { keys: "< >", does: "less or more smoothing" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        let figures = &context.run.figures;
        let here = self.index(figures).unwrap_or(0);
        match key.code {
            KeyCode::Left | KeyCode::Char('h') => self.choose(here.saturating_sub(1), figures),
            KeyCode::Right | KeyCode::Char('l') => self.choose(here + 1, figures),
            KeyCode::Home => self.choose(0, figures),
            KeyCode::End => {
                (self.chosen, self.scroll) = (None, 0);
                Effect::Redraw
            }
            KeyCode::Char('c') => {
                self.chart.hide_next(curves_in(figures.get(here)));
                Effect::Redraw
            }
            KeyCode::Char('<' | '>') => {
                self.chart.smooth(key.code == KeyCode::Char('>'));
                Effect::Redraw
            }
            KeyCode::Up | KeyCode::Char('k') => self.scroll(-1),
            KeyCode::Down | KeyCode::Char('j') => self.scroll(1),
            KeyCode::PageUp => self.scroll(-10),
            KeyCode::PageDown => self.scroll(10),
            KeyCode::Enter => {
                self.panes = match self.panes {
                    Panes::Both => Panes::Figure,
                    Panes::Figure => Panes::Claims,
                    Panes::Claims => Panes::Both,
                };
                self.scroll = 0;
                Effect::Redraw
            }
            _ => Effect::Ignored,
        }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &ViewContext) -> Effect {
        if self.chart.mouse(event) {
            return Effect::Redraw;
        }
        match event.kind {
            MouseEventKind::ScrollDown => self.scroll(1),
            MouseEventKind::ScrollUp => self.scroll(-1),
            _ => Effect::Ignored,
        }
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let run = context.run;
        let is_training = run.info.as_ref().is_some_and(|info| info.epochs > 0);
        if run.figures.is_empty() && is_training && self.experiment(context).is_none() {
            return self.list(area, buffer, context);
        }
        let area = self.heading(area, buffer, context);
        let [figure, beside] = self.split(area, context);
        if figure.area() > 0 {
            match self.index(&run.figures) {
                Some(index) => self.figure(figure, buffer, context, index),
                None => nothing(figure, buffer, context),
            }
        }
        if beside.area() > 0 {
            let scroll = if self.panes == Panes::Claims { &mut self.scroll } else { &mut 0 };
            claims::draw(beside, buffer, context, scroll);
        }
    }
}

/// Number of curves of a chart.
pub(super) fn curves_in(figure: Option<&Figure>) -> usize {
    match figure.map(|figure| &figure.body) {
        Some(FigureBody::Chart { curves, .. } | FigureBody::Plot { curves, .. }) => curves.len(),
        _ => 0,
    }
}

fn nothing(area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let inside = Pane::new("The book", context.theme).draw(area, buffer);
    let text = if context.run.outcome.is_some() {
        "The experiment ended before it had a figure."
    } else {
        "The experiment's figures appear here as soon as they are measured…"
    };
    let mut lines = wrap(context.theme.say(text), inside.width);
    let left = context.run.progress.as_ref().and_then(|progress| progress.seconds_left);
    if let Some(seconds) = left.filter(|_| context.run.outcome.is_none()) {
        let left = duration(seconds, context.theme);
        lines.push(context.theme.fill("{} left for the network in training", &[&left]));
    }
    for (row, line) in (0..).zip(lines) {
        write(buffer, inside, row, &line, context.theme.style(TextRole::Dim));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Event, RunView};
    use crate::ui::theme::Theme;

    fn run(ids: &[&str]) -> RunView {
        let mut run = RunView::default();
        for id in ids {
            run.apply(&Event::Figure(Figure { id: (*id).into(), ..Figure::default() }));
        }
        run
    }

    fn press(view: &mut FiguresView, run: &RunView, code: KeyCode) {
        let theme = Theme::default();
        let context = ViewContext::live(run, &theme);
        view.key(KeyEvent::from(code), &context);
    }

    #[test]
    fn shows_the_newest_figure_until_one_is_chosen() {
        let mut view = FiguresView::default();
        assert_eq!(view.index(&[]), None);
        let two = run(&["cost", "accuracy"]);
        assert_eq!(view.index(&two.figures), Some(1));
        press(&mut view, &two, KeyCode::Left);
        let three = run(&["cost", "accuracy", "weights"]);
        assert_eq!(view.index(&three.figures), Some(0), "the chosen one stays");
        press(&mut view, &three, KeyCode::End);
        assert_eq!(view.index(&three.figures), Some(2));
    }

    #[test]
    fn paging_stops_at_both_ends() {
        let (mut view, two) = (FiguresView::default(), run(&["a", "b"]));
        for _ in 0..3 {
            press(&mut view, &two, KeyCode::Right);
        }
        assert_eq!(view.index(&two.figures), Some(1));
        for _ in 0..3 {
            press(&mut view, &two, KeyCode::Left);
        }
        assert_eq!(view.index(&two.figures), Some(0));
    }
}
