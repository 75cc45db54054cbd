//! The real binary on different terminals: which queries and sequences it sends, and what it leaves
//! behind.

use crate::small_data::small_data;
use crate::terminal::{Start, Terminal};
use portable_pty::CommandBuilder;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use vt100::Color;

/// A run on the small data set that goes on until it is stopped.
struct Endless {
    data: tempfile::TempDir,
}

impl Endless {
    fn new() -> Self {
        Self { data: small_data() }
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> =
            "train --inline --layers 64,12,3 --batch 7 --epochs 1000000 --data"
                .split(' ')
                .map(String::from)
                .collect();
        arguments.push(self.data.path().display().to_string());
        arguments
    }

    fn start(&self) -> Start {
        let arguments = self.arguments();
        Start::nntop(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// Whether the terminal is in the state that a shell expects.
fn is_restored(screen: &vt100::Screen) -> bool {
    !screen.alternate_screen()
        && !screen.hide_cursor()
        && !screen.bracketed_paste()
        && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
}

fn is_taken(screen: &vt100::Screen) -> bool {
    screen.alternate_screen()
        && screen.hide_cursor()
        && screen.bracketed_paste()
        && screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
}

/// How often the dashboard has initialized the terminal.
fn times_taken(terminal: &Terminal) -> usize {
    terminal.raw().matches("\x1b[?1049h").count()
}

/// The colour of the program's name at the top left.
fn name_color(terminal: &Terminal) -> Color {
    terminal.with_screen(|screen| screen.cell(0, 2).expect("a cell").fgcolor())
}

#[track_caller]
fn wait_for_color(terminal: &Terminal, what: &str, color: Color) {
    terminal
        .wait_until(what, |screen| screen.cell(0, 2).is_some_and(|cell| cell.fgcolor() == color));
}

const ACCENT_ON_DARK: Color = Color::Rgb(98, 182, 240);
const ACCENT_ON_LIGHT: Color = Color::Rgb(0, 104, 168);

/// The only child of a process.
#[track_caller]
fn child_of(pid: u32) -> Pid {
    let children = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(children).unwrap();
    Pid::from_raw(children.split_whitespace().next().expect("a child").parse().unwrap()).unwrap()
}

#[test]
fn ctrl_z_and_sigtstp_suspend_and_fg_resumes_the_dashboard() {
    if !std::path::Path::new("/bin/bash").exists() {
        return eprintln!("skipped: bash is not installed");
    }
    let run = Endless::new();
    let mut shell = CommandBuilder::new("/bin/bash");
    // Line editing would change the modes that are checked.
    shell.args(["--norc", "--noprofile", "--noediting", "-i"]);
    let mut terminal = Start::command(shell).env("PS1", "shell> ").spawn();
    terminal.wait_for("shell>");
    let line = format!("{} {}\r", env!("CARGO_BIN_EXE_nntop"), run.arguments().join(" "));
    terminal.type_keys(&line);
    terminal.wait_until("the dashboard", |screen| {
        is_taken(screen) && screen.contents().contains("images/s")
    });
    let pid = child_of(terminal.pid());
    for by_key in [true, false] {
        if by_key {
            terminal.type_keys("\x1a");
        } else {
            kill_process(pid, Signal::TSTP).unwrap();
        }
        terminal.wait_until("a shell on a restored terminal", |screen| {
            is_restored(screen) && screen.contents().trim_end().ends_with("shell>")
        });
        terminal.type_keys("echo $((41 + 1)); fg\r");
        terminal.wait_until("the dashboard, whole", |screen| {
            let text = screen.contents();
            is_taken(screen) && text.contains("Overview") && text.contains("? help")
        });
        terminal.type_keys(if by_key { "3" } else { "1" });
        terminal.wait_for(if by_key { "Biases" } else { "images/s" });
    }
    // SIGSTOP, which a program cannot catch, leaves the modes to the shell; continuing sets them
    // again.
    kill_process(pid, Signal::STOP).unwrap();
    let before = terminal.raw().len();
    terminal.wait_until("the shell", |_| terminal.raw()[before..].contains("shell>"));
    let before = times_taken(&terminal);
    terminal.type_keys("fg\r");
    terminal.wait_until("the dashboard, whole", |screen| {
        times_taken(&terminal) > before && is_taken(screen) && screen.contents().contains("? help")
    });
    terminal.type_keys("q");
    terminal.wait_for("Quitting ends the run");
    terminal.type_keys("q");
    terminal.wait_until("the shell again", |screen| {
        let text = screen.contents();
        // The shell drops what is typed before its prompt.
        is_restored(screen)
            && text.contains("best test accuracy")
            && text.trim_end().ends_with("shell>")
    });
    terminal.type_keys("exit\r");
    terminal.wait_for_exit();
}

#[test]
fn ctrl_z_without_a_job_control_shell_is_ignored() {
    let run = Endless::new();
    let mut terminal = run.start().spawn();
    terminal.wait_for("images/s");
    terminal.type_keys("\x1a");
    terminal.wait_until("the dashboard again", |screen| {
        is_taken(screen) && times_taken(&terminal) == 2
    });
    terminal.type_keys("3");
    terminal.wait_for("Biases");
    terminal.type_keys("\x03");
    terminal.wait_for_exit();
}

#[test]
fn pasted_text_only_goes_to_prompts() {
    let run = Endless::new();
    let mut terminal = run.start().spawn();
    terminal.wait_for("images/s");
    terminal.paste("please say yes to the dishes\rs\ry\rq\rs\r");
    // The help opens after all previous input was processed.
    terminal.type_keys("?");
    let text = terminal.wait_for("Everywhere");
    assert!(!text.contains("Stop the run"), "{text}");
    terminal.type_keys("\x1b");
    terminal.wait_until("no help", |screen| !screen.contents().contains("Everywhere"));
    terminal.type_keys(":");
    terminal.wait_for("Command");
    terminal.paste("eta\n0.\x1b[2J125\x07");
    terminal.wait_for(":eta 0.[2J125");
    for _ in 0.."[2J125".len() {
        terminal.type_keys("\x7f");
    }
    terminal.paste("125");
    terminal.wait_for(":eta 0.125");
    // A confirmation is only answered by keys.
    terminal.type_keys("\x1b");
    terminal.wait_until("no prompt", |screen| !screen.contents().contains("Command"));
    terminal.type_keys("s");
    terminal.wait_for("Stop the run?");
    terminal.paste("y");
    terminal.type_keys("n:eta 0.5\r");
    terminal.wait_for("η 0.500");
    assert!(terminal.text().contains("training"), "{}", terminal.text());
    terminal.type_keys("\x03");
    terminal.wait_for_exit();
}

#[test]
fn a_light_terminal_is_recognised_even_by_a_late_reply() {
    let run = Endless::new();
    let mut terminal = run.start().spawn();
    terminal.wait_for_raw("\x1b]11;?");
    terminal.wait_for("images/s");
    assert_eq!(name_color(&terminal), ACCENT_ON_DARK, "without an answer it is dark");
    terminal.type_keys("\x1b]11;rgb:ffff/fdfd/f0f0\x1b\\");
    wait_for_color(&terminal, "colours for a light background", ACCENT_ON_LIGHT);
    let text = terminal.text();
    assert!(
        text.contains("images/s") && !text.contains("Command"),
        "the reply is not treated as keys:\n{text}"
    );
    terminal.type_keys(":background dark\r");
    wait_for_color(&terminal, "colours for a dark background", ACCENT_ON_DARK);
    // The colour was not queried again.
    terminal.type_keys("\x1b]11;rgb:ffff/ffff/ffff\x07?");
    terminal.wait_for("Everywhere");
    assert_eq!(name_color(&terminal), ACCENT_ON_DARK);
    terminal.type_keys("\x03");
    terminal.wait_for_exit();
}

#[test]
fn without_a_reply_colorfgbg_decides_and_arguments_take_precedence() {
    let run = Endless::new();
    let mut light = run.start().env("COLORFGBG", "0;15").spawn();
    light.wait_for("images/s");
    assert_eq!(name_color(&light), ACCENT_ON_LIGHT);
    let mut arguments = run.arguments();
    arguments.extend(["--background".into(), "light".into()]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut reported = Start::nntop(&arguments).spawn();
    reported.wait_for("images/s");
    assert_eq!(name_color(&reported), ACCENT_ON_LIGHT);
    assert!(!reported.raw().contains("\x1b]11;?"), "a known background is not queried");
    for terminal in [&mut light, &mut reported] {
        terminal.type_keys("\x03");
        terminal.wait_for_exit();
    }
}

/// The colours of all half blocks on the screen.
fn picture_colors(screen: &vt100::Screen) -> Vec<Color> {
    let (rows, columns) = screen.size();
    let cells = (0..rows.get()).flat_map(|r| (0..columns.get()).map(move |c| (r, c)));
    cells
        .filter_map(|(row, column)| screen.cell(row, column))
        .filter(|cell| cell.contents() == "▀")
        .flat_map(|cell| [cell.fgcolor(), cell.bgcolor()])
        .collect()
}

#[test]
fn with_256_colours_weights_are_only_blue_and_orange() {
    let run = Endless::new();
    let mut terminal = run.start().env("TERM", "screen-256color").env_remove("COLORTERM").spawn();
    terminal.wait_for("images/s");
    terminal.type_keys("3");
    let ramps = [233, 17, 18, 24, 25, 31, 32, 74, 117, 52, 88, 94, 130, 166, 172, 208, 215];
    let on_ramp = |color: &Color| matches!(color, Color::Idx(index) if ramps.contains(index));
    // The screen may be half drawn, with greys of the previous image.
    terminal.wait_until("a map of weights in the colours of the scale", |screen| {
        let colors = picture_colors(screen);
        screen.contents().contains("Biases") && colors.len() > 120 && colors.iter().all(on_ramp)
    });
    let colors = terminal.with_screen(picture_colors);
    let shown: BTreeSet<u8> =
        colors.iter().filter_map(|c| if let Color::Idx(i) = c { Some(*i) } else { None }).collect();
    assert!(shown.len() >= 8, "a map has many shades: {shown:?}");
    terminal.type_keys("\x03");
    terminal.wait_for_exit();
}

#[test]
fn the_terminal_type_is_enough_for_truecolor() {
    let run = Endless::new();
    for term in ["xterm-kitty", "alacritty", "foot", "xterm-ghostty", "wezterm"] {
        let mut terminal = run.start().env("TERM", term).env_remove("COLORTERM").spawn();
        terminal.wait_for("images/s");
        assert_eq!(name_color(&terminal), ACCENT_ON_DARK, "{term}");
        terminal.type_keys("\x03");
        terminal.wait_for_exit();
    }
}

#[test]
fn an_unusable_terminal_gets_lines_or_an_error() {
    let data = small_data();
    let data = data.path().display().to_string();
    let train = ["train", "--layers", "64,12,3", "--epochs", "2", "--data", &data];
    let state = tempfile::tempdir().unwrap();
    let dumb = |start: Start| start.env("TERM", "dumb").size(120, 40);
    let sizeless = |start: Start| start.size(0, 0);
    let kinds: [(&str, &dyn Fn(Start) -> Start); 2] = [("TERM=dumb", &dumb), ("0×0", &sizeless)];
    for (kind, on) in kinds {
        let mut terminal = on(Start::nntop(&train)).env("NNTOP_STATE_DIR", state.path()).spawn();
        let (_, code) = terminal.wait_for_exit();
        let raw = terminal.wait_for_raw("# completed");
        assert_eq!(code, 0, "{kind}: {raw}");
        assert!(raw.contains("epoch") && raw.contains("eta 3"), "{kind}: {raw}");
        if kind == "TERM=dumb" {
            assert!(!raw.contains('\x1b'), "{kind}: {raw:?}");
        }
        assert!(!raw.contains("\x1b[?"), "{kind} was taken over: {raw:?}");
        let attach = ["attach", "nothing-here"];
        let mut terminal = on(Start::nntop(&attach)).env("NNTOP_STATE_DIR", state.path()).spawn();
        assert_eq!(terminal.wait_for_exit().1, 2, "{kind}");
        let raw = terminal.wait_for_raw("error: ");
        assert!(!raw.contains('\x1b'), "{kind}: {raw:?}");
    }
}

#[test]
fn the_window_title_is_set_and_restored() {
    let data = small_data();
    let data = data.path().display().to_string();
    let arguments = ["train", "--inline", "--layers", "64,12,3", "--epochs", "3", "--data", &data];
    let mut terminal = Start::nntop(&arguments).spawn();
    terminal.wait_for("finished");
    let raw = terminal.wait_for_raw("\x1b]2;nntop: finished · 3/3 · ");
    let titles = raw.matches("\x1b]2;").count();
    assert!(raw.contains("\x1b[22;0t"), "the title before is remembered");
    assert!(titles < 60, "{titles} titles for a run of three epochs");
    terminal.type_keys("q");
    terminal.wait_for_exit();
    let raw = terminal.wait_for_raw("\x1b[23;0t");
    let last = raw.rfind("\x1b]2;").unwrap();
    assert!(raw[last..].contains("\x1b[23;0t"), "and comes back at the end");
    // The bell only rings if requested.
    assert!(!raw.contains("\x1b]9;"));
    let arguments = [&arguments[..], &["--notify"]].concat();
    let mut terminal = Start::nntop(&arguments).spawn();
    terminal.wait_for_raw("\x07\x1b]9;nntop: finished · 3/3 · ");
    terminal.type_keys("q");
    terminal.wait_for_exit();
}

#[test]
fn the_message_after_leaving_is_translated() {
    let data = small_data();
    let data = data.path().display().to_string();
    for (lang, sentence) in
        [("en", "1 epoch, best test accuracy"), ("zh", "1 个迭代期，最好的测试")]
    {
        let mut terminal = Start::nntop(&[
            "train", "--inline", "--layers", "64,12,3", "--epochs", "1", "--data", &data, "--lang",
            lang,
        ])
        .spawn();
        terminal.wait_for("1/1");
        terminal.wait_for(if lang == "en" { "finished" } else { "已完成" });
        terminal.type_keys("q");
        terminal.wait_for_exit();
        terminal.wait_for(sentence);
    }
}
