//! The real binary in a real pseudo-terminal.

use crate::terminal::{Start, Terminal};
use rustix::process::Signal;
use std::time::Duration;

/// A run in this process, slow enough to be interrupted.
fn slow_run() -> Terminal {
    Start::nntop(&["train", "--inline", "--epochs", "1000"]).spawn()
}

/// Whether the terminal is in the state that a shell expects.
fn is_restored(terminal: &Terminal) -> bool {
    terminal.with_screen(|screen| {
        !screen.alternate_screen()
            && !screen.hide_cursor()
            && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
    })
}

#[test]
fn shows_a_run_pauses_and_resumes_it() {
    let mut terminal = slow_run();
    terminal.wait_for("training");
    terminal.wait_for("images/s");
    terminal.wait_for("✓");
    terminal.type_keys(" ");
    terminal.wait_for("paused");
    // Wait for the last frame; after that nothing may be written while nothing happens.
    let quiet = quiet_bytes(&terminal);
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(terminal.bytes_written(), quiet, "an idle dashboard wrote to the terminal");
    let paused_at = epoch(&terminal.text());
    terminal.type_keys(".");
    terminal.wait_for("paused");
    terminal.type_keys(",");
    terminal.wait_until("the next epoch, then paused", |screen| {
        let text = screen.contents();
        text.contains("paused") && epoch(&text) > paused_at
    });
    terminal.type_keys(" ");
    terminal.wait_for("training");
    quit(&mut terminal);
}

/// Waits until nothing was written for a while, because the machine may be busy; returns the number
/// of bytes written until then.
fn quiet_bytes(terminal: &Terminal) -> usize {
    loop {
        let before = terminal.bytes_written();
        std::thread::sleep(Duration::from_millis(1500));
        if terminal.bytes_written() == before {
            return before;
        }
    }
}

/// The completed epochs in the header.
fn epoch(text: &str) -> u32 {
    let after = text.split("epoch ").nth(1).expect("an epoch in the header");
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number of epochs")
}

/// Quits by keys, and checks that the terminal is restored.
#[track_caller]
fn quit(terminal: &mut Terminal) {
    terminal.type_keys("q");
    terminal.wait_for("Quitting ends the run");
    terminal.type_keys("q");
    let (_, code) = terminal.wait_for_exit();
    assert_eq!(code, 0);
    terminal.wait_until("a restored terminal", |screen| !screen.alternate_screen());
    assert!(is_restored(terminal));
    terminal.wait_for("best test accuracy");
}

#[test]
fn misclassified_digits_can_be_browsed() {
    let mut terminal = Start::nntop(&["train", "--inline", "--epochs", "1"]).spawn();
    terminal.wait_for("finished");
    terminal.type_keys("4");
    terminal.wait_for("Digits");
    terminal.type_keys("w");
    // Image 0 is classified correctly. The screen may be half drawn, so the previous content does
    // not count.
    let first = terminal.wait_until("the first wrong digit", |screen| {
        let text = screen.contents();
        text.contains("wrong · 1 of") && text.contains('✗') && test_image(&text) > Some(0)
    });
    terminal.type_keys("\x1b[C");
    terminal.wait_until("the second wrong digit", |screen| {
        let text = screen.contents();
        text.contains("wrong · 2 of")
            && text.contains('✗')
            && test_image(&text) > test_image(&first)
    });
    terminal.type_keys("\r");
    terminal.wait_until("a contact sheet", |screen| screen.contents().matches('✗').count() > 5);
    // The run is over, so there is no confirmation.
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 0);
}

/// The index of the image on the screen, if there is one.
fn test_image(text: &str) -> Option<u32> {
    let after = text.split("test image ").nth(1)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[test]
fn every_view_and_the_help_open_by_key() {
    let mut terminal = slow_run();
    terminal.wait_for("images/s");
    for (key, sign) in
        [("2", "Cost"), ("3", "Biases"), ("4", "Digits ·"), ("5", "Confusion on the test set")]
    {
        terminal.type_keys(key);
        terminal.wait_for(sign);
    }
    terminal.type_keys("?");
    terminal.wait_for("Everywhere");
    terminal.type_keys("\x1b");
    terminal.wait_until("no help", |screen| !screen.contents().contains("Everywhere"));
    terminal.type_keys(":eta 0.5\r");
    terminal.type_keys("1");
    terminal.wait_for("η 0.500");
    terminal.type_keys("\x03");
    terminal.wait_for_exit();
}

#[test]
fn survives_the_smallest_terminal() {
    let mut terminal = slow_run();
    terminal.wait_for("images/s");
    for (columns, rows) in [(1, 1), (2, 3), (40, 12), (7, 30), (120, 40)] {
        terminal.resize(columns, rows);
        terminal.type_keys("\t");
    }
    terminal.type_keys("1");
    terminal.wait_for("images/s");
    quit(&mut terminal);
}

#[test]
fn no_key_is_lost_while_resizing() {
    let mut terminal = slow_run();
    terminal.wait_for("images/s");
    for round in 0..100 {
        let (key, sign) = if round % 2 == 0 { ("3", "Biases") } else { ("1", "images/s") };
        terminal.resize(110 + round % 10, 40);
        terminal.type_keys(key);
        terminal.wait_for(sign);
    }
    quit(&mut terminal);
}

#[test]
fn all_information_is_shown_without_colours_and_unicode() {
    let mut terminal = Start::nntop(&["train", "--inline", "--epochs", "1000"])
        .env("TERM", "vt100")
        .env("LANG", "C")
        .env("COLORTERM", "")
        .env("NO_COLOR", "1")
        .size(80, 24)
        .spawn();
    let text = terminal.wait_for("images/s");
    assert!(text.is_ascii(), "not ASCII:\n{text}");
    let coloured = terminal.with_screen(|screen| {
        let (rows, columns) = screen.size();
        let cells = (0..rows.get()).flat_map(|r| (0..columns.get()).map(move |c| (r, c)));
        cells
            .filter_map(|(row, column)| screen.cell(row, column))
            .any(|cell| cell.fgcolor() != vt100::Color::Default)
    });
    assert!(!coloured, "NO_COLOR was ignored");
    terminal.type_keys("\x03");
    terminal.wait_for_exit();
}

/// A run in a terminal after `end`. `tests/bench/measure.py` measures how soon it ends.
fn end_by(end: impl Fn(&mut Terminal)) -> Terminal {
    let mut terminal = slow_run();
    terminal.wait_for("images/s");
    end(&mut terminal);
    terminal.wait_for_exit();
    terminal
}

#[test]
fn a_signal_ends_it_and_restores_the_terminal() {
    for signal in [Signal::TERM, Signal::HUP, Signal::QUIT, Signal::ABORT] {
        let terminal = end_by(|terminal| terminal.signal(signal));
        terminal.wait_until("a restored terminal", |screen| !screen.alternate_screen());
        assert!(is_restored(&terminal), "{signal:?}");
    }
}

#[test]
fn it_ends_when_its_terminal_closes() {
    end_by(Terminal::hang_up);
}

/// A mouse event as a terminal reports it (SGR): the button, and column and row from 1.
fn mouse(button: u8, column: u16, row: u16, pressed: bool) -> String {
    format!("\x1b[<{button};{column};{row}{}", if pressed { 'M' } else { 'm' })
}

#[test]
fn a_digit_drawn_with_the_mouse_is_classified_and_saved() {
    let dir = tempfile::tempdir().unwrap();
    let arguments = ["train", "--inline", "--epochs", "2"];
    let mut terminal = Start::nntop(&arguments).directory(dir.path()).spawn();
    terminal.wait_for("finished");
    terminal.type_keys("D");
    terminal.wait_for("draw a digit");
    // A vertical stroke in the middle of the canvas: a one.
    terminal.type_keys(&mouse(0, 30, 9, true));
    for row in 10..28 {
        terminal.type_keys(&mouse(32, 30, row, true));
    }
    terminal.type_keys(&mouse(0, 30, 28, false));
    let text = terminal.wait_until("the answer to the whole stroke", |screen| {
        let text = screen.contents();
        text.contains("1 at 0.") && !text.contains("earlier stroke")
    });
    assert!(text.contains("›1"), "{text}");
    terminal.type_keys("p");
    terminal.wait_for("saved nntop-drawing-1.png");
    // With a threshold of 100%, no prediction counts.
    terminal.type_keys("a\x1b[A\x1b[B\x1b[B\x1b[B\x1b[B\x1b[B\x1b[F");
    terminal.wait_for("I don't know");
    terminal.type_keys("q");
    assert_eq!(terminal.wait_for_exit().1, 0);
    let saved = std::fs::read(dir.path().join("nntop-drawing-1.png")).unwrap();
    assert!(saved.starts_with(b"\x89PNG"));
}
