//! What a new user needs from the dashboard: labels, messages, help, and a use of the whole screen.

use super::canned::{self, Dashboard};
use super::languages::CHINESE;
use super::screens::SCENES;
use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use nntop::explore::list;
use nntop::protocol::{
    Activity, EpochStats, Event, Outcome, RunInfo, RunView, SavedFile, Status, Tune, Tuned,
};
use nntop::ui::{DashboardSetup, ExperimentName, Theme};
use ratatui::buffer::Buffer;

fn rows(buffer: &Buffer) -> Vec<String> {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect()
}

fn letters(buffer: &Buffer) -> String {
    rows(buffer).join("\n")
}

fn dashboard() -> Dashboard {
    Dashboard::new(Theme::default(), canned::run(false))
}

fn press(dashboard: &mut Dashboard, keys: &str, size: (u16, u16)) -> String {
    for key in keys.chars() {
        let code = match key {
            '→' => KeyCode::Right,
            '↓' => KeyCode::Down,
            '⏎' => KeyCode::Enter,
            '⎋' => KeyCode::Esc,
            other => KeyCode::Char(other),
        };
        dashboard.press(code);
        dashboard.screen(size.0, size.1);
    }
    letters(&dashboard.screen(size.0, size.1))
}

/// The name of the visible view: the title of its first pane.
fn title(screen: &str) -> &str {
    screen.lines().nth(2).unwrap_or_default()
}

#[test]
fn tabs_keep_their_names_at_80_columns() {
    let tabs = rows(&dashboard().screen(80, 24))[1].clone();
    for name in ["1 Over", "2 Curv", "3 Wgts", "4 Digit", "5 Conf", "9 Book", "D Draw", "0 Expl"] {
        assert!(tabs.contains(name), "no {name} in {tabs}");
    }
}

#[test]
fn number_keys_and_escape_leave_explore() {
    let mut dashboard = dashboard();
    let overview = press(&mut dashboard, "", (120, 40));
    press(&mut dashboard, "0", (120, 40));
    assert_eq!(title(&press(&mut dashboard, "⎋", (120, 40))), title(&overview));
    assert!(title(&press(&mut dashboard, "02", (120, 40))).contains("Accuracy"));
}

#[test]
fn events_and_requests_are_listed_and_shown() {
    let mut dashboard = dashboard();
    dashboard.screen(120, 40);
    assert!(press(&mut dashboard, ".", (120, 40)).contains("one mini-batch, then a pause"));
    let change = Tune::LearningRate(0.5);
    dashboard.send(Event::Tuned(Tuned { change, previous: 3.0, epoch: 12, batch: 1 }));
    assert!(letters(&dashboard.screen(120, 40)).contains("η changed from 3 to 0.5 in epoch 13"));
    assert!(letters(&dashboard.screen(120, 40)).contains("η 0.5"), "the one that is used");
    dashboard
        .send(Event::StatusChanged(Status { activity: Activity::Paused, ..Status::default() }));
    dashboard.send(Event::Saved(SavedFile {
        path: "a.ckpt".into(),
        epoch: 12,
        batch: 1,
        bytes: 9,
    }));
    let hint = "try 0.05".into();
    dashboard.send(Event::Finished(Outcome::Diverged { epoch: 13, hint }));
    let messages = press(&mut dashboard, "m", (120, 40));
    for line in [
        "one mini-batch, then a pause",
        "η changed from 3 to 0.5",
        "paused in epoch 13",
        "saved a.ckpt",
        "diverged in epoch 13: try 0.05",
    ] {
        assert!(messages.contains(line), "no {line:?} in\n{messages}");
    }
}

#[test]
fn help_describes_the_view_and_marks_hidden_lines() {
    for entry in "123456789D0".chars() {
        let mut dashboard = dashboard();
        let help = press(&mut dashboard, &format!("{entry}?"), (120, 60));
        let first = help.lines().position(|line| line.contains("─ Help ─")).unwrap() + 1;
        let sentence: String = help.lines().skip(first).take(2).collect();
        assert!(sentence.contains('.') || sentence.contains(';'), "{entry}: {sentence}");
    }
    let short = press(&mut dashboard(), "?", (80, 24));
    assert!(short.contains("▼ more"), "{short}");
    let mut dashboard = dashboard();
    press(&mut dashboard, "?", (80, 24));
    (0..9).for_each(|_| dashboard.press(KeyCode::PageDown));
    let end = letters(&dashboard.screen(80, 24));
    assert!(end.contains("quit") && !end.contains("▼ more"), "{end}");
}

#[test]
fn the_recipe_is_shown_by_one_key() {
    let page = press(&mut dashboard(), "i", (120, 50));
    for fact in ["784,30,10", "sigmoid", "quadratic", "SGD", "MNIST", "50,000", "mini-batch"] {
        assert!(page.contains(fact), "no {fact:?} in\n{page}");
    }
}

#[test]
fn the_mouse_zooms_a_chart_and_hides_a_curve() {
    let mut dashboard = dashboard();
    let before = press(&mut dashboard, "2", (120, 40));
    let mut mouse = |kind, column, row| {
        dashboard.mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
        letters(&dashboard.screen(120, 40))
    };
    mouse(MouseEventKind::Down(MouseButton::Left), 20, 12);
    mouse(MouseEventKind::Drag(MouseButton::Left), 40, 12);
    let zoomed = mouse(MouseEventKind::Up(MouseButton::Left), 40, 12);
    assert!(zoomed.contains("zoomed"), "{zoomed}");
    let all = mouse(MouseEventKind::Down(MouseButton::Right), 20, 12);
    assert_eq!(all, before, "the right button shows all again");
    // The legend is the first line inside the frame.
    let hidden = mouse(MouseEventKind::Down(MouseButton::Left), 3, 3);
    assert!(hidden.contains("○ training"), "{hidden}");
    assert!(press(&mut dashboard, "", (120, 40)).contains("←→ read an epoch"), "in the footer");
}

#[test]
fn smoothing_and_zoom_are_shown_in_the_title() {
    let mut dashboard = dashboard();
    let screen = press(&mut dashboard, "2zg>>", (120, 40));
    for mode in ["newest 20", "logarithmic", "smoothing 0.6"] {
        assert!(screen.contains(mode), "no {mode:?} in\n{screen}");
    }
}

#[test]
fn escape_returns_from_the_digits_of_a_cell() {
    let mut dashboard = dashboard();
    let confusion = press(&mut dashboard, "5→↓", (120, 40));
    let digits = press(&mut dashboard, "⏎", (120, 40));
    assert!(digits.contains("is 1 said 1"), "{digits}");
    assert_eq!(title(&press(&mut dashboard, "⎋", (120, 40))), title(&confusion));
    let digits = press(&mut dashboard, "4", (120, 40));
    assert!(digits.contains("Digits · all"), "the filter is gone:\n{digits}");
}

#[test]
fn confusion_counts_are_not_truncated_on_a_small_terminal() {
    let screen = press(&mut dashboard(), "5", (46, 19));
    let labels = screen.lines().nth(3).unwrap().to_string();
    for label in 0..10 {
        assert!(labels.contains(&label.to_string()), "no column {label} in\n{screen}");
    }
    let flat: String = screen.replace(['│', '\n'], " ");
    let words: Vec<&str> = flat.split_whitespace().collect();
    assert!(words.join(" ").contains("wrong of 500"), "{screen}");
}

#[test]
fn a_scrolled_matrix_marks_hidden_cells() {
    let mut small = dashboard();
    let tiny = press(&mut small, "5", (30, 12));
    assert!(tiny.contains('▶') && tiny.contains('▼'), "{tiny}");
}

/// Columns and rows from the first to the last cell of a view that is neither blank nor part of a
/// frame.
fn used(screen: &Buffer) -> [u16; 2] {
    let is_used =
        |symbol: &str| !symbol.trim_matches([' ', '│', '─', '╭', '╮', '╰', '╯']).is_empty();
    let body =
        (2..screen.area.height - 1).flat_map(|y| (1..screen.area.width - 1).map(move |x| (x, y)));
    let used: Vec<(u16, u16)> = body.filter(|&at| is_used(screen[at].symbol())).collect();
    let extent = |values: &mut dyn Iterator<Item = u16>| {
        let values: Vec<u16> = values.collect();
        values.iter().max().unwrap() - values.iter().min().unwrap() + 1
    };
    [extent(&mut used.iter().map(|at| at.0)), extent(&mut used.iter().map(|at| at.1))]
}

#[test]
fn views_use_a_large_screen() {
    for (keys, name) in [("3", "Weights"), ("5", "Confusion"), ("6", "Gradients"), ("Dt", "Draw")] {
        let mut dashboard = dashboard();
        press(&mut dashboard, keys, (200, 60));
        let screen = dashboard.screen(200, 60);
        let [columns, rows] = used(&screen);
        assert!(columns >= 180 && rows >= 44, "{name}: {columns}×{rows}\n{}", letters(&screen));
    }
}

#[test]
fn an_output_layer_is_drawn_in_rows_as_wide_as_the_view() {
    let mut dashboard = dashboard();
    press(&mut dashboard, "3>", (120, 40));
    let screen = dashboard.screen(120, 40);
    let text = rows(&screen);
    for class in ["0", "5", "9"] {
        // The name is in the first columns of the first pane.
        let named = |row: &&String| row.chars().skip(1).take(7).collect::<String>().trim() == class;
        let row = text.iter().find(named);
        let row = row.unwrap_or_else(|| panic!("no row {class}\n{}", text.join("\n")));
        assert!(row.matches('▀').count() >= 60, "{row}");
    }
}

#[test]
fn a_saved_model_does_not_look_like_a_run() {
    let model = |networks| {
        let mut run = RunView::default();
        let info = RunInfo { epochs: 30, init: "large".into(), ..canned::run(false).info.unwrap() };
        run.apply(&Event::Started(Box::new(info)));
        run.apply(&Event::EpochEnded(EpochStats {
            epoch: 30,
            test_accuracy: Some(0.9512),
            ..EpochStats::default()
        }));
        run.apply(&Event::Finished(Outcome::Completed("a saved model (not training)".into())));
        Dashboard::with(DashboardSetup { model: Some(networks), ..DashboardSetup::default() }, run)
    };
    let mut one = model(1);
    let screen = press(&mut one, "", (120, 40));
    for part in ["saved model", "trained for 30 epochs", "95.12%", "initial weights"] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
    for part in ["η 0", "Curves", "Gradients", "best test", "images/s"] {
        assert!(!screen.contains(part), "{part} in\n{screen}");
    }
    assert!(press(&mut one, "2", (120, 40)).contains("there is no such view here"));
    assert!(press(&mut one, "7", (120, 40)).lines().nth(1).unwrap().contains("7 Network"));
    let mut three = model(3);
    let screen = press(&mut three, "3", (120, 40));
    assert!(screen.contains("ensemble of 3 networks"), "{screen}");
    assert!(screen.contains("network 1 of 3"), "whose weights these are: {screen}");
}

#[test]
fn the_book_view_names_the_experiment_or_lists_them() {
    let experiment = ExperimentName {
        id: "5-vanishing",
        chapter: 5,
        title: "Vanishing gradients",
        expected: "the last hidden layer learns faster than the first",
    };
    let setup = DashboardSetup { experiments: vec![experiment], ..DashboardSetup::default() };
    let mut ordinary = Dashboard::with(setup.clone(), canned::run(false));
    let screen = press(&mut ordinary, "9", (120, 40));
    assert!(screen.contains("not an experiment of the book"), "{screen}");
    assert!(screen.contains("5-vanishing") && screen.contains("Vanishing gradients"), "{screen}");
    let mut run = RunView::default();
    let info = RunInfo { title: "5-vanishing · seed 2".into(), ..RunInfo::default() };
    run.apply(&Event::Started(Box::new(info)));
    let screen = press(&mut Dashboard::with(setup, run), "9", (120, 40));
    for part in ["5-vanishing", "chapter 5", "The book: the last hidden layer learns faster"] {
        assert!(screen.contains(part), "{part} in\n{screen}");
    }
}

#[test]
fn best_accuracies_are_labelled() {
    let screen = press(&mut dashboard(), "", (120, 40));
    assert!(screen.contains("best test") && screen.contains("best validation"), "{screen}");
}

#[test]
fn unused_keys_are_reported_and_confirmations_can_be_cancelled() {
    let mut dashboard = dashboard();
    assert!(press(&mut dashboard, "X", (120, 40)).contains("X does nothing here"));
    let question = press(&mut dashboard, "q", (120, 40));
    assert!(question.contains("Esc  stay"), "{question}");
    press(&mut dashboard, "⎋", (120, 40));
    dashboard
        .send(Event::StatusChanged(Status { activity: Activity::Paused, ..Status::default() }));
    assert!(!press(&mut dashboard, "q", (120, 40)).contains("still going"));
}

#[test]
fn the_command_list_fits_the_longest_command() {
    let screen = press(&mut dashboard(), ":", (120, 40));
    assert!(screen.contains("explore sigmoid-neuron "), "{screen}");
}

#[test]
fn no_line_of_chinese_begins_with_closing_punctuation() {
    let assert_lines = |screen: &Buffer, place: &str| {
        for row in rows(screen) {
            for part in row.split(['│', '─', '╭', '╰']) {
                let begins = part.trim_start().starts_with(['。', '，', '；', '：', '、', '）']);
                assert!(!begins, "{place}: {part:?}");
            }
        }
    };
    for scene in SCENES {
        let mut dashboard = Dashboard::new(CHINESE, scene.1());
        dashboard.screen(80, 24);
        for &code in scene.2 {
            dashboard.press(code);
            dashboard.screen(80, 24);
        }
        assert_lines(&dashboard.screen(80, 24), scene.0);
    }
    for explorable in list() {
        let mut dashboard = Dashboard::exploring(CHINESE, &explorable.id);
        for width in [80, 97, 120, 131] {
            assert_lines(&dashboard.screen(width, 40), &explorable.id);
        }
    }
}
