//! Tests of the views of runs with a mock source.

use super::{CompareView, HistogramsView, ImagesView, RunList, RunsView, TextsView};
use crate::protocol::{
    Bitmap, CurveQuery, CurveSet, MetricFacts, RunCurve, RunEdit, RunRow, RunSource, RunTable,
    RunView, SampleContent, SampleKind, SampleSeries, TensorHistogram,
};
use crate::ui::effect::Effect;
use crate::ui::theme::Theme;
use crate::ui::view::{View, ViewContext};
use crate::ui::view_id::ViewId;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Two runs: the name of one contains an escape sequence and a line break; the other is nntop's.
#[derive(Debug, Default)]
struct Source {
    edits: Mutex<Vec<(String, RunEdit)>>,
    asked: Mutex<Vec<CurveQuery>>,
}

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
        title: Some(HOSTILE.to_owned()),
        note: HOSTILE.to_owned(),
        tags: vec![HOSTILE.to_owned()],
        own: (name == "sweep/a").then(|| "a".to_owned()),
        samples: [1; 3],
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
        self.asked.lock().unwrap().push(query.clone());
        let raw = vec![(0.0, 1.0), (1.0, 0.5), (2.0, 0.25)];
        let curve = |name: &String| RunCurve {
            name: name.clone(),
            members: 1,
            smooth: raw.clone(),
            raw: raw.clone(),
            near: query.at.map(|at| [at.round(), 0.5, 0.625]),
            ..RunCurve::default()
        };
        let curves = query.runs.iter().map(curve).collect();
        Some(CurveSet { curves, middle: Some([0.25, 1.0]), extent: Some([0.0, 2.0]) })
    }

    fn samples(&self, _run: &str, _kind: SampleKind) -> Option<Vec<SampleSeries>> {
        Some(vec![SampleSeries { name: HOSTILE.to_owned(), steps: vec![1, 5] }])
    }

    fn sample(&self, _: &str, kind: SampleKind, _: &str, place: usize) -> Option<SampleContent> {
        Some(match (kind, place) {
            (SampleKind::Image, 0) => SampleContent::Broken(HOSTILE.to_owned()),
            (SampleKind::Image, _) => {
                SampleContent::Image(Bitmap { width: 2, height: 2, pixels: vec![[9, 90, 200]; 4] })
            }
            _ => SampleContent::Text(format!("{HOSTILE} {place}\n\nsecond paragraph")),
        })
    }

    fn histograms(&self, _run: &str, _name: &str) -> Option<Vec<TensorHistogram>> {
        let histogram =
            |step| TensorHistogram { step, buckets: vec![[-1.0, 0.0, 2.0], [0.0, 1.0, 6.0]] };
        Some(vec![histogram(1), histogram(5)])
    }

    fn lines(&self, _run: &str) -> Option<Vec<String>> {
        Some(vec![HOSTILE.to_owned()])
    }

    fn edit(&self, run: &str, edit: &RunEdit) -> Result<(), String> {
        self.edits.lock().unwrap().push((run.to_owned(), edit.clone()));
        if *edit == RunEdit::Delete { Err(format!("live: {HOSTILE}")) } else { Ok(()) }
    }
}

struct Screen {
    source: Arc<Source>,
    runs: RunsView,
    compare: CompareView,
    others: [Box<dyn View>; 3],
}

impl Screen {
    fn new() -> Self {
        let source = Arc::new(Source::default());
        let shared = RunList::shared(Arc::<Source>::clone(&source));
        Self {
            source,
            runs: RunsView::new(Rc::clone(&shared)),
            compare: CompareView::new(Rc::clone(&shared)),
            others: [
                Box::new(HistogramsView::new(Rc::clone(&shared))),
                Box::new(ImagesView::new(Rc::clone(&shared))),
                Box::new(TextsView::new(shared)),
            ],
        }
    }

    fn type_text(view: &mut dyn View, text: &str) {
        for character in text.chars() {
            Self::press(view, KeyCode::Char(character));
        }
    }

    fn mouse(view: &mut dyn View, kind: MouseEventKind, column: u16, row: u16) -> Effect {
        let (run, theme) = (RunView::default(), Theme::default());
        let event = MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
        view.mouse(event, Rect::new(0, 0, 160, 40), &ViewContext::live(&run, &theme))
    }

    fn draw(view: &mut dyn View, width: u16, height: u16) -> String {
        let (run, theme) = (RunView::default(), Theme::default());
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        view.render(buffer.area, &mut buffer, &ViewContext::live(&run, &theme));
        let rows =
            (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>());
        rows.collect::<Vec<_>>().join("\n")
    }

    fn press(view: &mut dyn View, code: KeyCode) -> Effect {
        let (run, theme) = (RunView::default(), Theme::default());
        view.key(KeyEvent::from(code), &ViewContext::live(&run, &theme))
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
    let mut texts =
        vec![Screen::draw(&mut screen.runs, 160, 20), Screen::draw(&mut screen.compare, 160, 40)];
    for view in &mut screen.others {
        texts.push(Screen::draw(view.as_mut(), 160, 40));
        Screen::press(view.as_mut(), KeyCode::Left);
        texts.push(Screen::draw(view.as_mut(), 160, 40));
    }
    // The output of a run.
    Screen::press(screen.others[2].as_mut(), KeyCode::Char('o'));
    texts.push(Screen::draw(screen.others[2].as_mut(), 160, 40));
    for asked in ['e', 'n', 't'] {
        Screen::press(&mut screen.runs, KeyCode::Esc);
        Screen::press(&mut screen.runs, KeyCode::Char(asked));
        texts.push(Screen::draw(&mut screen.runs, 160, 20));
    }
    for text in texts {
        assert!(text.contains("\\u{1b}"), "{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}

#[test]
fn a_run_can_be_renamed_annotated_tagged_and_deleted_after_confirmation() {
    let mut screen = Screen::new();
    Screen::draw(&mut screen.runs, 120, 20);
    Screen::press(&mut screen.runs, KeyCode::Down);
    for (key, text) in [('e', "base line"), ('n', "again"), ('t', "good, new good")] {
        Screen::press(&mut screen.runs, KeyCode::Char(key));
        Screen::press(&mut screen.runs, KeyCode::Char('!'));
        let control = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
        let (run, theme) = (RunView::default(), Theme::default());
        screen.runs.key(control, &ViewContext::live(&run, &theme));
        Screen::type_text(&mut screen.runs, text);
        Screen::press(&mut screen.runs, KeyCode::Enter);
    }
    Screen::press(&mut screen.runs, KeyCode::Delete);
    assert!(Screen::draw(&mut screen.runs, 120, 20).contains("y yes, any other key no"));
    Screen::press(&mut screen.runs, KeyCode::Char('n'));
    let edits = |screen: &Screen| screen.source.edits.lock().unwrap().clone();
    let run = || "sweep/a".to_owned();
    let tags = vec!["good".to_owned(), "new".to_owned()];
    let expected = [
        (run(), RunEdit::Label("base line".to_owned())),
        (run(), RunEdit::Note("again".to_owned())),
        (run(), RunEdit::Tags(tags)),
    ];
    assert_eq!(edits(&screen), expected, "and nothing was deleted");
    Screen::press(&mut screen.runs, KeyCode::Delete);
    let Effect::Notify(why) = Screen::press(&mut screen.runs, KeyCode::Char('y')) else {
        panic!("a reason")
    };
    assert!(why.contains("live") && !why.contains('\u{1b}'), "{why:?}");
    assert_eq!(edits(&screen).last(), Some(&(run(), RunEdit::Delete)));
    // The log of another tool is never deleted.
    Screen::press(&mut screen.runs, KeyCode::Up);
    assert!(matches!(Screen::press(&mut screen.runs, KeyCode::Delete), Effect::Notify(_)));
}

#[test]
fn all_charts_share_cursor_and_zoom() {
    let mut screen = Screen::new();
    let text = Screen::draw(&mut screen.compare, 160, 40);
    assert!(text.contains("smoothing 0.6"), "{text}");
    Screen::press(&mut screen.compare, KeyCode::Right);
    let text = Screen::draw(&mut screen.compare, 160, 40);
    assert!(text.contains("0.625"), "the value under the cursor: {text}");
    let asked = |screen: &Screen| -> Vec<CurveQuery> {
        std::mem::take(&mut *screen.source.asked.lock().unwrap())
    };
    let cursors: Vec<Option<f64>> = asked(&screen).iter().rev().take(2).map(|q| q.at).collect();
    assert!(cursors[0].is_some() && cursors[0] == cursors[1], "{cursors:?}");
    let Effect::Copy(copied) = Screen::press(&mut screen.compare, KeyCode::Char('y')) else {
        panic!("a copy")
    };
    assert_eq!(copied.lines().nth(1), Some("sweep/a\t0\t0.5"));
    Screen::press(&mut screen.compare, KeyCode::Char('+'));
    Screen::draw(&mut screen.compare, 160, 40);
    let zooms: Vec<_> = asked(&screen).iter().map(|query| query.range).collect();
    assert!(zooms.len() == 2 && zooms[0] == zooms[1] && zooms[0].is_some(), "{zooms:?}");
    Screen::press(&mut screen.compare, KeyCode::Char('0'));
    Screen::draw(&mut screen.compare, 160, 40);
    // A drag on the first chart zooms all of them.
    asked(&screen);
    let left = MouseButton::Left;
    for (kind, column) in [
        (MouseEventKind::Down(left), 20),
        (MouseEventKind::Drag(left), 40),
        (MouseEventKind::Up(left), 40),
    ] {
        Screen::mouse(&mut screen.compare, kind, column, 10);
        Screen::draw(&mut screen.compare, 160, 40);
    }
    let last = asked(&screen).last().and_then(|query| query.range).expect("a zoom");
    assert!(last[0] > 0.0 && last[1] < 2.0, "{last:?}");
}

#[test]
fn one_to_thirty_six_charts_are_laid_out_and_filtered() {
    let mut screen = Screen::new();
    for _ in 0..8 {
        Screen::draw(&mut screen.compare, 160, 60);
        Screen::press(&mut screen.compare, KeyCode::Char(']'));
    }
    assert_eq!(screen.compare.side, 6);
    for _ in 0..8 {
        Screen::press(&mut screen.compare, KeyCode::Char('['));
    }
    let text = Screen::draw(&mut screen.compare, 160, 60);
    assert!(text.contains("page 1 of 2"), "{text}");
    Screen::press(&mut screen.compare, KeyCode::PageDown);
    assert!(Screen::draw(&mut screen.compare, 160, 60).contains("page 2 of 2"));
    Screen::press(&mut screen.compare, KeyCode::Char('/'));
    Screen::type_text(&mut screen.compare, "loss");
    Screen::press(&mut screen.compare, KeyCode::Enter);
    assert!(!Screen::draw(&mut screen.compare, 160, 60).contains("page"));
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
    assert_eq!(screen.runs.shared.borrow().marked.len(), 1);
    let opened = Screen::press(&mut screen.runs, KeyCode::Enter);
    assert_eq!(opened, Effect::OpenView(ViewId::Compare));
    assert!(Screen::draw(&mut screen.compare, 120, 30).contains("1 runs (marked)"));
    // Without marks the run under the cursor is opened: one of nntop in its own dashboard.
    Screen::press(&mut screen.runs, KeyCode::Char('u'));
    assert_eq!(Screen::press(&mut screen.runs, KeyCode::Enter), Effect::OpenRun("a".to_owned()));
    Screen::press(&mut screen.runs, KeyCode::Up);
    assert_eq!(Screen::press(&mut screen.runs, KeyCode::Enter), Effect::OpenView(ViewId::Compare));
    assert!(Screen::draw(&mut screen.compare, 120, 30).contains("1 runs (opened)"));
    Screen::press(&mut screen.runs, KeyCode::Char('x'));
    assert!(shown(&mut screen).contains("1 of 2 runs"));
}

#[test]
fn every_size_can_be_drawn_after_every_key() {
    let mut screen = Screen::new();
    for code in
        "sxlLogc+-0][Gby ".chars().map(KeyCode::Char).chain([KeyCode::Right, KeyCode::PageDown])
    {
        Screen::press(&mut screen.compare, code);
        screen.others.iter_mut().for_each(|view| drop(Screen::press(view.as_mut(), code)));
        for (width, height) in [(1, 1), (8, 3), (24, 8), (80, 24), (200, 60)] {
            Screen::draw(&mut screen.compare, width, height);
            Screen::draw(&mut screen.runs, width, height);
            for view in &mut screen.others {
                Screen::draw(view.as_mut(), width, height);
            }
        }
    }
}
