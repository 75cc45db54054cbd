use super::*;
use crate::protocol::{
    Activity, Content, EpochStats, LayerInfo, LogLevel, LogLine, Moment, Outcome, Pace, ProbeQuery,
    RunInfo, SavedFile, Status, StepAmount, Tensor,
};
use crossterm::event::{KeyCode, KeyModifiers};

fn app(setup: DashboardSetup) -> App {
    let mut app = App::new(setup);
    let info = RunInfo { epochs: 30, test_size: 100, ..RunInfo::default() };
    send(&mut app, Event::Started(Box::new(info)));
    set_activity(&mut app, Activity::Training, false);
    app
}

fn send(app: &mut App, event: Event) {
    app.update(Update::Event(event));
}

fn set_activity(app: &mut App, activity: Activity, pausing: bool) {
    send(app, Event::StatusChanged(Status { activity, pausing, ..Status::default() }));
}

fn press(app: &mut App, code: KeyCode) -> Option<Command> {
    app.key(KeyEvent::from(code))
}

fn type_(app: &mut App, text: &str) -> Vec<Command> {
    text.chars().filter_map(|character| press(app, KeyCode::Char(character))).collect()
}

fn screen(app: &mut App) -> String {
    let area = Rect::new(0, 0, 100, 30);
    let mut buffer = Buffer::empty(area);
    app.render(&mut buffer);
    buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect()
}

#[test]
fn space_toggles_the_requested_pause() {
    let mut app = app(DashboardSetup::default());
    assert_eq!(type_(&mut app, " "), [Command::Pause]);
    set_activity(&mut app, Activity::Training, true);
    assert!(screen(&mut app).contains("pausing…"));
    assert_eq!(type_(&mut app, " "), [Command::Resume], "a pending pause is cancelled");
    set_activity(&mut app, Activity::Paused, false);
    assert!(screen(&mut app).contains("paused"));
    assert_eq!(type_(&mut app, " "), [Command::Resume]);
}

#[test]
fn control_keys_send_their_commands() {
    let mut app = app(DashboardSetup::default());
    for (key, command) in [
        (".", Command::Step(StepAmount::Batches(1))),
        (",", Command::Step(StepAmount::Epochs(1))),
        ("F", Command::Pace(Pace::Full)),
        ("O", Command::Pace(Pace::SecondsPerEpoch(1.0))),
        ("M", Command::Pace(Pace::BatchesPerSecond(10.0))),
        ("S", Command::Save),
    ] {
        assert_eq!(type_(&mut app, key), [command], "{key}");
    }
}

#[test]
fn stopping_needs_confirmation() {
    let mut app = app(DashboardSetup::default());
    assert_eq!(type_(&mut app, "s"), []);
    assert_eq!(type_(&mut app, "n"), [], "no");
    assert!(app.overlay.is_none());
    assert_eq!(type_(&mut app, "sy"), [Command::Stop]);
    send(&mut app, Event::Finished(Outcome::Stopped));
    assert_eq!(type_(&mut app, "sy"), [], "the run has ended");
    assert!(app.overlay.is_none());
}

#[test]
fn a_read_only_dashboard_sends_no_commands_and_says_why() {
    let mut app = app(DashboardSetup { read_only: true, ..DashboardSetup::default() });
    assert_eq!(type_(&mut app, " ,.S"), []);
    assert!(screen(&mut app).contains("read-only"));
    assert_eq!(type_(&mut app, "s"), []);
    assert!(app.overlay.is_none(), "no confirmation is shown");
    type_(&mut app, "q");
    assert_eq!(app.exit(), Some(Exit::Detach), "without confirmation, because nothing ends");
}

#[test]
fn only_leaving_a_live_run_needs_confirmation() {
    let mut inline = app(DashboardSetup::default());
    type_(&mut inline, "q");
    assert_eq!(inline.exit(), None);
    press(&mut inline, KeyCode::Esc);
    assert_eq!(inline.exit(), None);
    type_(&mut inline, "qq");
    assert_eq!(inline.exit(), Some(Exit::Stop));

    let mut session = app(DashboardSetup { detachable: true, ..DashboardSetup::default() });
    type_(&mut session, "qd");
    assert_eq!(session.exit(), Some(Exit::Detach));

    let mut over = app(DashboardSetup::default());
    send(&mut over, Event::Finished(Outcome::Stopped));
    type_(&mut over, "q");
    assert_eq!(over.exit(), Some(Exit::Done));
}

#[test]
fn a_confirmation_disappears_when_the_run_ends() {
    for key in ["q", "s"] {
        for news in [Update::Event(Event::Finished(Outcome::Stopped)), Update::Lost("gone".into())]
        {
            let mut app = app(DashboardSetup { detachable: true, ..DashboardSetup::default() });
            type_(&mut app, key);
            assert!(app.overlay.is_some());
            app.update(news);
            assert!(app.overlay.is_none());
            type_(&mut app, "q");
            assert!(app.exit().is_some(), "no confirmation is needed");
        }
    }
}

#[test]
fn a_run_is_finished_once_its_outcome_is_known() {
    let mut app = app(DashboardSetup::default());
    set_activity(&mut app, Activity::Finished, false);
    assert!(screen(&mut app).contains("finishing…"));
    send(&mut app, Event::Finished(Outcome::Completed("well".into())));
    assert!(screen(&mut app).contains("finished"));
}

#[test]
fn ctrl_c_quits_from_any_overlay() {
    for (detachable, exit) in [(false, Exit::Stop), (true, Exit::Detach)] {
        let mut app = app(DashboardSetup { detachable, ..DashboardSetup::default() });
        type_(&mut app, "?");
        app.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
        assert_eq!(app.exit(), Some(exit));
    }
}

#[test]
fn an_unreachable_run_accepts_no_commands() {
    let mut app = app(DashboardSetup::default());
    app.update(Update::Lost("the session was killed".into()));
    app.update(Update::Lost("and its socket closed".into()));
    assert_eq!(app.lost.as_deref(), Some("the session was killed"), "the first reason is kept");
    assert!(screen(&mut app).contains("lost"));
    assert_eq!(type_(&mut app, " "), []);
    assert!(screen(&mut app).contains("the session was killed"), "the reason stays on the screen");
}

#[test]
fn the_command_line_sends_commands_and_explains_errors() {
    let mut app = app(DashboardSetup::default());
    let tuned = type_(&mut app, ":eta 0.5").is_empty();
    assert!(tuned, "no command before Enter");
    let command = press(&mut app, KeyCode::Enter);
    assert_eq!(command, Some(Command::Set(crate::protocol::Tune::LearningRate(0.5))));
    type_(&mut app, ":eta lots");
    assert_eq!(press(&mut app, KeyCode::Enter), None);
    assert!(app.messages.notice.is_some());
}

fn says(level: LogLevel, text: &str) -> Update {
    Update::Event(Event::Log(LogLine { level, text: text.into() }))
}

#[test]
fn warnings_are_shown_in_any_view_and_all_messages_are_listed() {
    let mut app = app(DashboardSetup::default());
    app.update(says(LogLevel::Info, "a checkpoint was begun"));
    assert!(!screen(&mut app).contains("a checkpoint was begun"));
    app.update(says(LogLevel::Error, "last.ckpt: cannot be written: the disk is full"));
    assert!(screen(&mut app).contains("the disk is full"));
    type_(&mut app, "2");
    assert!(!screen(&mut app).contains("the disk is full"), "read");
    type_(&mut app, "m");
    let listed = screen(&mut app);
    assert!(listed.contains("a checkpoint was begun") && listed.contains("the disk is full"));
    type_(&mut app, "x");
    assert!(!screen(&mut app).contains("the disk is full"), "any other key closes the list");
}

#[test]
fn a_late_client_sees_the_errors_of_a_live_run() {
    let mut run = RunView::default();
    run.apply(&Event::Log(LogLine { level: LogLevel::Warning, text: "slow disk".into() }));
    let mut late = app(DashboardSetup::default());
    late.update(Update::Snapshot(Box::new(run.clone())));
    assert!(screen(&mut late).contains("slow disk"));
    run.apply(&Event::Finished(Outcome::Stopped));
    let mut later = app(DashboardSetup::default());
    later.update(Update::Snapshot(Box::new(run)));
    assert!(!screen(&mut later).contains("slow disk"));
}

#[test]
fn only_files_saved_since_attaching_are_reported() {
    let saved = SavedFile { path: "last.ckpt".into(), epoch: 1, batch: 0, bytes: 1 };
    let mut late = App::new(DashboardSetup::default());
    let mut run = app(DashboardSetup::default()).run;
    run.apply(&Event::Saved(saved.clone()));
    late.update(Update::Snapshot(Box::new(run.clone())));
    assert!(!screen(&mut late).contains("last.ckpt"));
    run.apply(&Event::Saved(saved));
    late.update(Update::Snapshot(Box::new(run)));
    assert!(screen(&mut late).contains("saved last.ckpt"));
}

#[test]
fn scrubbing_steps_through_epochs_and_back_to_live() {
    let mut app = app(DashboardSetup::default());
    for epoch in 0..=5 {
        send(&mut app, Event::EpochEnded(EpochStats { epoch, ..EpochStats::default() }));
    }
    type_(&mut app, "[");
    assert_eq!(app.selection.moment, Moment::Epoch(5));
    type_(&mut app, "[[");
    assert_eq!(app.selection.moment, Moment::Epoch(3));
    let Some(Command::Watch(probes)) = app.changed_probes() else { panic!("the probes change") };
    assert!(
        !probes.is_empty()
            && probes
                .iter()
                .all(|probe| probe.at == Moment::Epoch(3) || probe.what == ProbeQuery::Snapshots)
    );
    type_(&mut app, "]");
    assert_eq!(app.selection.moment, Moment::Epoch(4));
    press(&mut app, KeyCode::Esc);
    assert_eq!(app.selection.moment, Moment::Live);
    type_(&mut app, "[[[[[[[[[[");
    assert_eq!(app.selection.moment, Moment::Epoch(0), "not before epoch 0");
}

#[test]
fn only_probes_of_the_visible_view_are_sent_and_only_once() {
    let mut app = app(DashboardSetup::default());
    let Some(Command::Watch(first)) = app.changed_probes() else { panic!("the first probes") };
    assert_eq!(app.changed_probes(), None, "nothing changed");
    type_(&mut app, "5");
    let Some(Command::Watch(confusion)) = app.changed_probes() else { panic!("another view") };
    assert_ne!(first, confusion);
    assert!(confusion.iter().any(|probe| probe.what == ProbeQuery::Confusion));
    type_(&mut app, "2");
    let kept = vec![Probe::live(ProbeQuery::Snapshots)];
    assert_eq!(app.changed_probes(), Some(Command::Watch(kept)), "curves need no probes");
}

#[test]
fn newer_answers_are_shown_when_the_connection_allows() {
    let mut app = app(DashboardSetup::default());
    let probe = Probe::live(ProbeQuery::Confusion);
    let frame = |epoch| {
        let content = Content::Unavailable(String::new());
        Event::Frame(Box::new(Frame { probe: probe.clone(), epoch, batch: 0, content }))
    };
    let shown = |app: &App| app.run.frames[&probe].epoch;
    send(&mut app, frame(1));
    assert_eq!((shown(&app), app.is_waiting()), (1, false), "the first at once");
    send(&mut app, frame(2));
    send(&mut app, frame(3));
    assert_eq!((shown(&app), app.is_waiting()), (1, true));
    app.show_waiting_frames();
    assert_eq!((shown(&app), app.is_waiting()), (3, false), "the newest wins");
}

#[test]
fn sizes_that_contradict_the_values_are_not_drawn() {
    let probe = Probe::live(ProbeQuery::Weights { layer: 0, first: 0, count: 1 });
    let tensor = Tensor { shape: [u32::MAX, u32::MAX, 2], values: vec![1.0; 8] };
    let content = Content::Weights { rows: vec![tensor], largest: 1.0 };
    let frame = Frame { probe: probe.clone(), epoch: 1, batch: 0, content };
    let layer = LayerInfo { output: [u32::MAX, 1, 2], ..LayerInfo::default() };
    let (image_width, image_height) = (u32::MAX, u32::MAX);
    let info = RunInfo { image_width, image_height, layers: vec![layer], ..RunInfo::default() };
    let snapshot = RunView {
        info: Some(info.clone()),
        frames: [(probe.clone(), frame.clone())].into(),
        ..RunView::default()
    };

    let mut app = app(DashboardSetup::default());
    send(&mut app, Event::Started(Box::new(info)));
    send(&mut app, Event::Frame(Box::new(frame)));
    assert!(matches!(app.run.frames[&probe].content, Content::Unavailable(_)));
    let line = LogLine { level: LogLevel::Info, text: String::new() };
    for update in [Update::Event(Event::Log(line)), Update::Snapshot(Box::new(snapshot))] {
        app.update(update);
        let info = app.run.info.as_ref().unwrap();
        assert_eq!((info.image_width, info.image_height, info.layers.len()), (0, 0, 0));
        for view in ["1", "3", "4", "5", "6", "7", "8", "9"] {
            type_(&mut app, view);
            screen(&mut app);
        }
    }
    assert!(app.run.frames.is_empty(), "nor kept from a snapshot");
}

#[test]
fn a_click_on_a_tab_opens_its_view() {
    let mut app = app(DashboardSetup::default());
    screen(&mut app);
    let tab = app.tabs[4];
    app.mouse(MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: tab.x,
        row: tab.y,
        modifiers: KeyModifiers::NONE,
    });
    assert_eq!(app.current, 4);
}

#[test]
fn a_click_on_a_curve_shows_that_epoch_in_every_view() {
    let mut app = app(DashboardSetup::default());
    for epoch in 1..=30 {
        let test_accuracy = Some(0.9 + f64::from(epoch) / 1000.0);
        send(
            &mut app,
            Event::EpochEnded(EpochStats { epoch, test_accuracy, ..EpochStats::default() }),
        );
    }
    type_(&mut app, "2");
    let click = |app: &mut App, button| {
        screen(app);
        for kind in [MouseEventKind::Down(button), MouseEventKind::Up(button)] {
            let (column, row, modifiers) = (30, 15, KeyModifiers::NONE);
            app.mouse(MouseEvent { kind, column, row, modifiers });
        }
        screen(app)
    };
    let text = click(&mut app, MouseButton::Left);
    let Moment::Epoch(epoch) = app.selection.moment else { panic!("an epoch is selected") };
    assert!((2..30).contains(&epoch), "{epoch}");
    assert!(text.contains(&format!("showing epoch {epoch}")), "in the header: {text}");
    assert!(text.contains(&format!("test {:.2}%", 90.0 + f64::from(epoch) / 10.0)), "{text}");
    press(&mut app, KeyCode::Left);
    assert_eq!(app.selection.moment, Moment::Epoch(epoch - 1), "keys go on from there");
    click(&mut app, MouseButton::Right);
    assert_eq!(app.selection.moment, Moment::Live, "the right button resets");
}

#[test]
fn keys_and_outcome_never_overlap_in_the_footer() {
    let mut app = app(DashboardSetup::default());
    let why = "all 30 epochs trained";
    send(&mut app, Event::Finished(Outcome::Completed(why.into())));
    type_(&mut app, "7");
    for width in 1..160 {
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 30));
        app.render(&mut buffer);
        let last = buffer.content.len() - usize::from(width);
        let footer: String =
            buffer.content[last..].iter().map(ratatui::buffer::Cell::symbol).collect();
        let is_shown = footer.contains(&format!(" {why} "));
        assert!(is_shown || !footer.contains("trained"), "{width}: {footer}");
        assert_eq!(is_shown, width >= 46, "{width}: shown if it takes at most half the line");
    }
}

#[derive(Debug)]
struct Nothing;

impl crate::ui::Opener for Nothing {
    fn runs(&self) -> Result<crate::ui::OpenedDashboard, String> {
        Err("none".to_owned())
    }

    fn run(&self, name: &str) -> Result<crate::ui::OpenedDashboard, String> {
        Err(name.to_owned())
    }
}

#[test]
fn the_table_of_runs_opens_over_a_dashboard_and_closes_again() {
    let opener = || Some(std::sync::Arc::new(Nothing) as _);
    let mut app = App::new(DashboardSetup { opener: opener(), ..DashboardSetup::default() });
    press(&mut app, KeyCode::Char('R'));
    assert_eq!(app.take_request(), Some(crate::ui::request::DashboardRequest::Runs));
    assert_eq!((app.take_request(), app.exit()), (None, None));
    // In a dashboard on top of another, the same key closes it, and so does Esc.
    for code in [KeyCode::Char('R'), KeyCode::Esc] {
        let mut over = App::new(DashboardSetup {
            opener: opener(),
            layer: crate::ui::setup::StackPosition::OverAnother,
            ..DashboardSetup::default()
        });
        press(&mut over, code);
        assert_eq!((over.take_request(), over.exit()), (None, Some(Exit::Detach)));
    }
    // Without a home directory there is no table.
    let mut alone = App::new(DashboardSetup::default());
    press(&mut alone, KeyCode::Char('R'));
    assert_eq!((alone.take_request(), alone.exit()), (None, None));
    assert!(alone.messages.notice.is_some());
}
