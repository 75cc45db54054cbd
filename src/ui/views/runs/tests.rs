//! The views of runs over a source made up for them.

use super::{Compare, Desk, Runs};
use crate::protocol::{
    CurveQuery, CurveSet, MetricFacts, RunCurve, RunRow, RunSource, RunTable, RunView,
};
use crate::ui::effect::Effect;
use crate::ui::theme::Theme;
use crate::ui::view::{Context, View};
use crate::ui::view_id::ViewId;
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

/// Two runs; the names of one hold an escape sequence and a line break.
#[derive(Debug)]
struct Source;

const HOSTILE: &str = "sweep/\u{1b}]0;title\u{7}b\nforged";

fn row(name: &str, value: f64) -> RunRow {
    let facts = MetricFacts {
        name: "loss".to_owned(),
        count: 3,
        last: value,
        best: Some(value),
        best_step: 2,
    };
    let hostile = MetricFacts { name: format!("{HOSTILE}/x"), ..facts.clone() };
    RunRow {
        name: name.to_owned(),
        state: "running",
        step: Some(2),
        metrics: vec![facts, hostile],
        config: vec![
            ("lr".to_owned(), value.to_string()),
            (HOSTILE.to_owned(), HOSTILE.to_owned()),
        ],
        ..RunRow::default()
    }
}

impl RunSource for Source {
    fn table(&self) -> Arc<RunTable> {
        let rows = vec![row("sweep/a", 0.5), row(HOSTILE, 0.25)];
        Arc::new(RunTable { rows, files: 2, revision: 1, ..RunTable::default() })
    }

    fn filter(&self, query: &str) -> Result<BTreeSet<String>, String> {
        match query {
            "a" => Ok(BTreeSet::from(["sweep/a".to_owned()])),
            _ => Err(format!("no query: {HOSTILE}")),
        }
    }

    fn curves(&self, query: &CurveQuery) -> Option<CurveSet> {
        let raw = vec![(0.0, 1.0), (1.0, 0.5), (2.0, 0.25)];
        let curve = |name: &String| RunCurve {
            name: name.clone(),
            members: 1,
            smooth: raw.clone(),
            raw: raw.clone(),
            ..RunCurve::default()
        };
        let curves = query.runs.iter().map(curve).collect();
        Some(CurveSet { curves, middle: Some([0.25, 1.0]) })
    }
}

struct Screen {
    runs: Runs,
    compare: Compare,
}

impl Screen {
    fn new() -> Self {
        let desk = Desk::shared(Arc::new(Source));
        Self { runs: Runs::new(Rc::clone(&desk)), compare: Compare::new(desk) }
    }

    fn draw(view: &mut dyn View, width: u16, height: u16) -> String {
        let (run, theme) = (RunView::default(), Theme::default());
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        view.render(buffer.area, &mut buffer, &Context::live(&run, &theme));
        let rows =
            (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>());
        rows.collect::<Vec<_>>().join("\n")
    }

    fn press(view: &mut dyn View, code: KeyCode) -> Effect {
        let (run, theme) = (RunView::default(), Theme::default());
        view.key(KeyEvent::from(code), &Context::live(&run, &theme))
    }
}

#[test]
fn foreign_names_of_runs_and_metrics_are_escaped() {
    let mut screen = Screen::new();
    Screen::draw(&mut screen.runs, 160, 20);
    Screen::press(&mut screen.runs, KeyCode::Char('/'));
    Screen::press(&mut screen.runs, KeyCode::Char('?'));
    Screen::press(&mut screen.compare, KeyCode::Char('c'));
    Screen::press(&mut screen.compare, KeyCode::Right);
    for text in
        [Screen::draw(&mut screen.runs, 160, 20), Screen::draw(&mut screen.compare, 160, 40)]
    {
        assert!(text.contains("\\u{1b}"), "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[test]
fn runs_are_sorted_filtered_marked_and_opened() {
    let mut screen = Screen::new();
    let shown = |screen: &mut Screen| Screen::draw(&mut screen.runs, 120, 10);
    assert!(shown(&mut screen).contains("2 of 2 runs"));
    for key in ['/', 'a'] {
        Screen::press(&mut screen.runs, KeyCode::Char(key));
    }
    assert!(shown(&mut screen).contains("1 of 2 runs"), "{}", shown(&mut screen));
    // `q` is a letter while a filter is typed.
    assert_eq!(Screen::press(&mut screen.runs, KeyCode::Char('q')), Effect::Redraw);
    assert!(shown(&mut screen).contains("no query"));
    Screen::press(&mut screen.runs, KeyCode::Esc);
    assert!(shown(&mut screen).contains("2 of 2 runs"));
    Screen::press(&mut screen.runs, KeyCode::Char(' '));
    assert_eq!(screen.runs.desk.borrow().marked.len(), 1);
    let opened = Screen::press(&mut screen.runs, KeyCode::Enter);
    assert_eq!(opened, Effect::OpenView(ViewId::Compare));
    assert!(Screen::draw(&mut screen.compare, 120, 30).contains("1 runs (marked)"));
    Screen::press(&mut screen.runs, KeyCode::Char('x'));
    assert!(shown(&mut screen).contains("1 of 2 runs"));
}

#[test]
fn every_size_and_every_key_can_be_drawn() {
    let mut screen = Screen::new();
    for code in
        "sxlLogc+-0][n b".chars().map(KeyCode::Char).chain([KeyCode::Right, KeyCode::PageDown])
    {
        Screen::press(&mut screen.compare, code);
        for (width, height) in [(1, 1), (8, 3), (24, 8), (80, 24), (200, 60)] {
            Screen::draw(&mut screen.compare, width, height);
            Screen::draw(&mut screen.runs, width, height);
        }
    }
}
