//! Overlays: help, command line, messages, recipe, confirmations.

use super::effect::{Continuation, Effect, Exit};
use super::keymap::{BINDINGS, Binding};
use super::palette::{ENTRIES, PaletteCommand};
use super::setup::DashboardSetup;
use super::theme::{TextRole, Theme};
use super::view::View;
use super::views;
use super::widgets::{Pane, wrap, write, write_at, write_right};
use crate::protocol::{Command, LogLevel, LogLine};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

/// The overlay on top of the view.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// Help, and the number of lines that it is scrolled down.
    Help(u16),
    /// The page about the run: names and values, and the number of lines that it is scrolled down.
    Info(Vec<(String, String)>, u16),
    /// The command line and its text.
    Palette(String),
    /// Messages, and the number of lines that they are scrolled back.
    Messages(Vec<LogLine>, u16),
    /// A translated question, and the keys that answer it.
    Question { text: String, choices: Vec<(char, String, Effect)> },
}

/// The effect of a key in an overlay.
#[derive(Clone, Debug, PartialEq)]
pub enum OverlayAction {
    Stay,
    Close,
    /// A command was entered.
    Line(String),
    Effect(Effect),
}

/// Maximum number of characters of a command line after pasting.
const MAX_LINE_LENGTH: usize = 200;

impl Overlay {
    /// The list of keys.
    #[must_use]
    pub fn help() -> Self {
        Self::Help(0)
    }

    /// An empty command line.
    #[must_use]
    pub fn palette() -> Self {
        Self::Palette(String::new())
    }

    /// The messages of a run.
    #[must_use]
    pub fn messages(lines: &[LogLine]) -> Self {
        Self::Messages(lines.to_vec(), 0)
    }

    /// Asks for confirmation before stopping a run.
    #[must_use]
    pub fn ask_stop(theme: &Theme) -> Self {
        let choices = vec![
            ('y', theme.say("stop").into(), Effect::Send(Command::Stop)),
            ('n', theme.say("keep training").into(), Effect::Redraw),
        ];
        Self::Question { text: theme.say("Stop the run? It can still be browsed.").into(), choices }
    }

    /// Asks whether to stop a run or to leave it.
    #[must_use]
    pub fn ask_quit(setup: &DashboardSetup, paused: bool) -> Self {
        let theme = &setup.theme;
        let stop = ('s', theme.say("stop it and quit").into(), Effect::Leave(Exit::Stop));
        let (text, leave) = if setup.detachable {
            let text = if paused { "The run is paused." } else { "The run is still going." };
            let command = format!("nntop attach {}", setup.name);
            let detach = theme.fill("detach; `{}` comes back to it", &[&command.trim_end()]);
            (theme.say(text), ('d', detach, Effect::Leave(Exit::Detach)))
        } else {
            let quit = theme.say("quit").to_string();
            (theme.say("Quitting ends the run."), ('q', quit, Effect::Leave(Exit::Stop)))
        };
        Self::Question { text: text.into(), choices: vec![leave, stop] }
    }

    /// Offers to continue a run that has ended; `what` describes how.
    #[must_use]
    pub fn ask_go_on(what: String, how: Continuation, theme: &Theme) -> Self {
        let text = theme.say("The run has ended. Continue it?").into();
        Self::Question { text, choices: vec![('y', what, Effect::Leave(Exit::Continue(how)))] }
    }

    /// Whether it asks about a run that has not ended.
    pub(super) fn is_about_a_live_run(&self) -> bool {
        let Self::Question { choices, .. } = self else { return false };
        !choices.iter().any(|(_, _, effect)| matches!(effect, Effect::Leave(Exit::Continue(_))))
    }

    /// Handles a key press.
    pub fn key(&mut self, key: KeyEvent) -> OverlayAction {
        match self {
            Self::Help(scroll) | Self::Info(_, scroll) => scroll_key(scroll, key.code, 1),
            // The newest lines are at the bottom.
            Self::Messages(_, back) => scroll_key(back, key.code, -1),
            Self::Palette(line) => palette_key(line, key.code),
            Self::Question { choices, .. } => {
                let chosen = choices.iter().find(|choice| key.code == KeyCode::Char(choice.0));
                match chosen {
                    Some(choice) => OverlayAction::Effect(choice.2.clone()),
                    None if key.code == KeyCode::Esc => OverlayAction::Close,
                    None => OverlayAction::Stay,
                }
            }
        }
    }

    /// Inserts pasted text into the command line, without control characters; other overlays ignore
    /// it.
    pub fn paste(&mut self, text: &str) {
        if let Self::Palette(line) = self {
            let blank = |character: char| if character.is_whitespace() { ' ' } else { character };
            let room = MAX_LINE_LENGTH.saturating_sub(line.chars().count());
            line.extend(text.chars().map(blank).filter(|c| !c.is_control()).take(room));
        }
    }

    /// Draws it over the middle of the screen; the help also lists the keys of the view below.
    pub fn render(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        setup: &DashboardSetup,
        views: OpenViews,
    ) {
        let theme = &setup.theme;
        match self {
            Self::Help(scroll) => draw_help(area, buffer, setup, *scroll, views),
            Self::Info(lines, scroll) => draw_info(area, buffer, theme, lines, *scroll),
            Self::Messages(lines, back) => draw_messages(area, buffer, theme, lines, *back),
            Self::Palette(line) => draw_palette(area, buffer, setup, line),
            Self::Question { text, choices } => {
                // The key and its blanks take 5 cells; border and margin 2 on each side.
                let widest = choices.iter().map(|choice| choice.1.width() + 9).max().unwrap_or(0);
                let width = widest.max(text.width() + 4).max(48) as u16;
                let text = wrap(text, width.min(area.width).saturating_sub(4));
                let lines = text.len() as u16;
                let height = choices.len() as u16 + lines + 4;
                let inside = window(area, width, height, "", buffer, theme);
                for (row, line) in (0..).zip(&text) {
                    write(buffer, inside, row, line, theme.style(TextRole::Title));
                }
                let stay = (theme.say("Esc").to_string(), theme.say("stay"));
                let rows = choices.iter().map(|(key, does, _)| (key.to_string(), does.as_str()));
                // If there are too few rows, the blank line is omitted first.
                let gap = u16::from(inside.height > lines + choices.len() as u16 + 1);
                for (row, (key, does)) in (lines + gap..).zip(rows.chain([stay])) {
                    write(buffer, inside, row, &key, theme.style(TextRole::Accent));
                    write_at(buffer, inside, 5, row, does, theme.style(TextRole::Text));
                }
            }
        }
    }
}

/// Scrolls; a step of −1 scrolls up.
fn scroll_key(scroll: &mut u16, code: KeyCode, step: i16) -> OverlayAction {
    let by = match code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown | KeyCode::Char(' ') => 10,
        KeyCode::PageUp => -10,
        KeyCode::Home if step > 0 => -i16::MAX,
        _ => return OverlayAction::Close,
    };
    *scroll = scroll.saturating_add_signed(step * by);
    OverlayAction::Stay
}

fn palette_key(line: &mut String, code: KeyCode) -> OverlayAction {
    match code {
        KeyCode::Esc => return OverlayAction::Close,
        KeyCode::Enter => return OverlayAction::Line(line.clone()),
        KeyCode::Backspace if line.is_empty() => return OverlayAction::Close,
        KeyCode::Backspace => {
            line.pop();
        }
        KeyCode::Tab => complete(line),
        KeyCode::Char(character) => line.push(character),
        _ => {}
    }
    OverlayAction::Stay
}

/// Completes the command's name if only one starts with the typed text.
fn complete(line: &mut String) {
    let mut fitting = ENTRIES.iter().filter(|entry| entry.name.starts_with(line.as_str()));
    if let (Some(only), None) = (fitting.next(), fitting.next()) {
        *line = format!("{} ", only.name);
    }
}

/// Clears a window in the middle of the screen; returns the area inside it.
fn window(
    area: Rect,
    width: u16,
    height: u16,
    title: &str,
    buffer: &mut Buffer,
    theme: &Theme,
) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let window = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    Clear.render(window, buffer);
    // A wide character that would be half covered is blanked.
    for y in window.top()..window.bottom() {
        if let Some(x) = window.x.checked_sub(1)
            && buffer[(x, y)].symbol().width() > 1
        {
            buffer[(x, y)].set_symbol(" ");
        }
    }
    let inside = Pane::new(title, theme).draw(window, buffer);
    let margin = u16::from(inside.width > 30);
    Rect { x: inside.x + margin, width: inside.width - 2 * margin, ..inside }
}

/// The commands that begin with what was typed and have a meaning here.
fn draw_palette(area: Rect, buffer: &mut Buffer, setup: &DashboardSetup, line: &str) {
    let (theme, scope) = (&setup.theme, setup.scope());
    let typed = line.split(' ').next().unwrap_or_default();
    let fits = |entry: &&PaletteCommand| entry.name.starts_with(typed) && entry.is_for(scope);
    let fitting: Vec<_> = ENTRIES.iter().filter(fits).collect();
    let height = fitting.len() as u16 + 4;
    let inside = window(area, 84, height, "Command", buffer, theme);
    let usage = |entry: &PaletteCommand| format!("{} {}", entry.name, entry.argument);
    let column = fitting.iter().map(|entry| usage(entry).width()).max().unwrap_or(0) as u16 + 2;
    let end = write(buffer, inside, 0, &format!(":{line}"), theme.style(TextRole::Title));
    write_at(buffer, inside, end, 0, " ", theme.style(TextRole::Selected));
    let room = usize::from(inside.height.saturating_sub(2));
    let shown = if fitting.len() > room { room.saturating_sub(1) } else { fitting.len() };
    for (row, entry) in (2..).zip(&fitting[..shown]) {
        write(buffer, inside, row, &usage(entry), theme.style(TextRole::Accent));
        write_at(buffer, inside, column, row, theme.say(entry.does), theme.style(TextRole::Dim));
    }
    if shown < fitting.len() && room > 0 {
        let hidden = fitting.len() - shown;
        let text = theme.fill("{} more: type their first letter", &[&hidden]);
        write(buffer, inside, inside.height - 1, &text, theme.style(TextRole::Dim));
    }
}

fn draw_messages(area: Rect, buffer: &mut Buffer, theme: &Theme, lines: &[LogLine], back: u16) {
    let inside = window(area, 100, 24.min(area.height), "Messages of the run", buffer, theme);
    if lines.is_empty() {
        write(buffer, inside, 0, theme.say("no messages yet"), theme.style(TextRole::Dim));
        return;
    }
    let mut rows = Vec::new();
    for line in lines {
        let role = match line.level {
            LogLevel::Info => TextRole::Text,
            LogLevel::Warning => TextRole::Warning,
            LogLevel::Error => TextRole::Bad,
        };
        rows.extend(wrap(theme.say(&line.text), inside.width).into_iter().map(|row| (row, role)));
    }
    let most = rows.len().saturating_sub(usize::from(inside.height));
    let first = most.saturating_sub(usize::from(back));
    for (at, (row, role)) in (0..inside.height).zip(&rows[first..]) {
        write(buffer, inside, at, row, theme.style(*role));
    }
}

/// The keys of the open views: a range for the digits from 1 on, then the others.
fn view_keys(views: &[Box<dyn View>]) -> String {
    let keys: Vec<char> = views::keys(views).collect();
    let range = ('1'..='9').zip(&keys).take_while(|(digit, key)| digit == *key).count();
    let (digits, others) = keys.split_at(range);
    let first = match digits {
        [] => String::new(),
        [key] => key.to_string(),
        [first, .., last] => format!("{first} … {last}"),
    };
    others.iter().fold(first, |text, key| format!("{text} {key}").trim_start().into())
}

/// A line of help: keys with a description, or only a heading or sentence.
struct HelpLine {
    keys: String,
    does: String,
    role: TextRole,
}

/// The views that are open, and the visible one among them.
#[derive(Clone, Copy)]
pub struct OpenViews<'a> {
    pub all: &'a [Box<dyn View>],
    pub current: usize,
}

/// The help lines for a view: its description, its keys, and the global keys.
fn help_lines(views: OpenViews, width: u16, setup: &DashboardSetup) -> Vec<HelpLine> {
    let (theme, view) = (&setup.theme, &views.all[views.current]);
    let alone = |keys: String, role| HelpLine { keys, does: String::new(), role };
    let entry = |keys: &str, does: &str| HelpLine {
        keys: theme.say(keys).into(),
        does: theme.say(does).into(),
        role: TextRole::Accent,
    };
    let mut lines = Vec::new();
    for sentence in view.about() {
        let wrapped = wrap(theme.say(sentence), width).into_iter();
        lines.extend(wrapped.map(|line| alone(line, TextRole::Text)));
    }
    let keys = view.keys();
    if !keys.is_empty() {
        lines.push(alone(String::new(), TextRole::Text));
        lines.push(alone(theme.fill("In {}", &[&theme.say(view.id().name())]), TextRole::Title));
        lines.extend(keys.iter().map(|key| entry(key.keys, key.does)));
    }
    lines.push(alone(String::new(), TextRole::Text));
    lines.push(alone(theme.say("Everywhere").into(), TextRole::Title));
    lines.push(entry(&view_keys(views.all), "views"));
    // Global keys that the view overrides, or that have no meaning here, are not listed.
    let taken = |name: &str| keys.iter().any(|key| key.keys == name);
    let listed = |binding: &&Binding| binding.scope <= setup.scope() && !taken(binding.keys);
    let free = BINDINGS.iter().filter(listed);
    lines.extend(free.map(|binding| entry(binding.keys, binding.does)));
    lines
}

fn draw_help(
    area: Rect,
    buffer: &mut Buffer,
    setup: &DashboardSetup,
    scroll: u16,
    views: OpenViews,
) {
    const WIDTH: u16 = 76;
    const KEYS: u16 = 16;
    let theme = &setup.theme;
    let width = WIDTH.min(area.width).saturating_sub(4);
    let lines = help_lines(views, width, setup);
    let inside = window(area, WIDTH, lines.len() as u16 + 2, "Help", buffer, theme);
    let from = first_line(scroll, lines.len(), inside.height);
    for (row, line) in (0..inside.height).zip(&lines[from..]) {
        write(buffer, inside, row, &line.keys, theme.style(line.role));
        if !line.does.is_empty() {
            write_at(buffer, inside, KEYS, row, &line.does, theme.style(TextRole::Text));
        }
    }
    mark_more(from, lines.len(), inside, buffer, theme);
}

fn draw_info(
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
    lines: &[(String, String)],
    scroll: u16,
) {
    const VALUES: u16 = 18;
    let width = 100.min(area.width);
    let values = width.saturating_sub(4 + VALUES).max(1);
    let mut rows: Vec<(&str, String)> = Vec::new();
    for (name, value) in lines {
        let wrapped = wrap(value, values).into_iter().enumerate();
        rows.extend(wrapped.map(|(at, part)| (if at == 0 { name.as_str() } else { "" }, part)));
    }
    if rows.is_empty() {
        rows.push((theme.say("waiting for the run…"), String::new()));
    }
    let inside = window(area, width, rows.len() as u16 + 2, "About this run", buffer, theme);
    let from = first_line(scroll, rows.len(), inside.height);
    for (row, (name, value)) in (0..inside.height).zip(&rows[from..]) {
        write(buffer, inside, row, name, theme.style(TextRole::Dim));
        write_at(buffer, inside, VALUES, row, value, theme.style(TextRole::Text));
    }
    mark_more(from, rows.len(), inside, buffer, theme);
}

/// The first visible line of a scrolled list.
fn first_line(scroll: u16, lines: usize, height: u16) -> usize {
    usize::from(scroll).min(lines.saturating_sub(usize::from(height)))
}

/// Marks that there are more lines below.
fn mark_more(first: usize, lines: usize, inside: Rect, buffer: &mut Buffer, theme: &Theme) {
    if lines > first + usize::from(inside.height) && inside.height > 0 {
        let text = format!(" ▼ {} ", theme.say("more: ↓ or PgDn"));
        write_right(buffer, inside, inside.height - 1, &text, theme.style(TextRole::Accent));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RunKind;

    /// The keys that the help lists, and those of the views.
    fn listed(setup: &DashboardSetup) -> (Vec<String>, String) {
        let all = setup.views();
        let lines = help_lines(OpenViews { all: &all, current: 0 }, 60, setup);
        (lines.into_iter().map(|line| line.keys).collect(), view_keys(&all))
    }

    #[test]
    fn the_help_lists_only_keys_that_have_a_meaning_here() {
        let training = DashboardSetup::default();
        let command = DashboardSetup { kind: RunKind::Command, ..DashboardSetup::default() };
        let model = DashboardSetup { model: Some(1), ..DashboardSetup::default() };
        let explorable =
            DashboardSetup { explorable: Some("neuron".into()), ..DashboardSetup::default() };
        for (setup, views, shown, hidden) in [
            (training, "1 … 9 D 0", ["F", ",", "S", "i"].as_slice(), [].as_slice()),
            (command, "1 … 9", &["space", "S", "i"], &["F", ",", "["]),
            (model, "1 3 4 5 7 8 D 0", &["i", "q"], &["F", ",", "S", "space"]),
            (explorable, "0", &["?", "q"], &["F", ",", "S", "m", "i"]),
        ] {
            let (keys, of_views) = listed(&setup);
            assert_eq!(of_views, views);
            let lists = |key: &&&str| keys.iter().any(|listed| listed == **key);
            assert!(shown.iter().all(|key| lists(&key)), "{views}: {keys:?}");
            assert!(!hidden.iter().any(|key| lists(&key)), "{views}: {keys:?}");
        }
    }
}
