//! What lies over the views: help, the command line, a question.

use super::effect::{Effect, Exit, GoOn};
use super::keymap::BINDINGS;
use super::palette::ENTRIES;
use super::theme::{Role, Theme};
use super::view::KeyHelp;
use super::view_id::ViewId;
use super::views::TABLE;
use super::widgets::{Pane, wrap, write, write_at};
use crate::protocol::{Command, Level, LogLine};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget};
use unicode_width::UnicodeWidthStr;

/// The topmost layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// Scrolled down by so many lines.
    Help(u16),
    /// The command line so far.
    Palette(String),
    /// What a run has said, scrolled back by so many lines.
    Messages(Vec<LogLine>, u16),
    Question {
        text: String,
        choices: Vec<(char, String, Effect)>,
    },
}

/// What a key in an overlay leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Stay,
    Close,
    /// A command was typed.
    Line(String),
    Effect(Effect),
}

/// Characters of a command line at most, where text is pasted into it.
const LONGEST_LINE: usize = 200;

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

    /// The lines that a run has said.
    #[must_use]
    pub fn messages(log: &[LogLine]) -> Self {
        Self::Messages(log.to_vec(), 0)
    }

    /// Asks before a run ends.
    #[must_use]
    pub fn ask_stop() -> Self {
        let choices = vec![
            ('y', "stop", Effect::Send(Command::Stop)),
            ('n', "go on training", Effect::Show(crate::protocol::Moment::Live)),
        ];
        Self::question("Stop the run? It can still be browsed.", choices)
    }

    /// Asks what becomes of a run that is going.
    #[must_use]
    pub fn ask_quit(detachable: bool) -> Self {
        let stop = ('s', "stop it and quit", Effect::Leave(Exit::Stop));
        if detachable {
            let detach = ('d', "detach: it goes on", Effect::Leave(Exit::Detach));
            Self::question("The run is still going.", vec![detach, stop])
        } else {
            let quit = ('q', "quit", Effect::Leave(Exit::Stop));
            Self::question("Quitting ends the run.", vec![quit, stop])
        }
    }

    /// Offers to go on with a run that is over, in the words given.
    #[must_use]
    pub fn ask_go_on(what: String, how: GoOn) -> Self {
        let text = "The run is over. Go on with it?".into();
        let stay = ('n', "stay".into(), Effect::Redraw);
        let choices = vec![('y', what, Effect::Leave(Exit::GoOn(how))), stay];
        Self::Question { text, choices }
    }

    /// Whether it asks what becomes of a run that is going.
    pub(super) fn is_about_a_live_run(&self) -> bool {
        let Self::Question { choices, .. } = self else { return false };
        !choices.iter().any(|(_, _, effect)| matches!(effect, Effect::Leave(Exit::GoOn(_))))
    }

    fn question(text: &str, choices: Vec<(char, &str, Effect)>) -> Self {
        let choices = choices.into_iter().map(|(key, does, effect)| (key, does.into(), effect));
        Self::Question { text: text.into(), choices: choices.collect() }
    }

    /// A key press.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        match self {
            Self::Help(scroll) => scroll_key(scroll, key.code, 1),
            // The newest lines are at the bottom.
            Self::Messages(_, back) => scroll_key(back, key.code, -1),
            Self::Palette(line) => palette_key(line, key.code),
            Self::Question { choices, .. } => {
                let chosen = choices.iter().find(|choice| key.code == KeyCode::Char(choice.0));
                match chosen {
                    Some(choice) => Answer::Effect(choice.2.clone()),
                    None if key.code == KeyCode::Esc => Answer::Close,
                    None => Answer::Stay,
                }
            }
        }
    }

    /// Takes pasted text into the command line, without what no line has; elsewhere it is ignored.
    pub fn paste(&mut self, text: &str) {
        if let Self::Palette(line) = self {
            let blank = |character: char| if character.is_whitespace() { ' ' } else { character };
            let room = LONGEST_LINE.saturating_sub(line.chars().count());
            line.extend(text.chars().map(blank).filter(|c| !c.is_control()).take(room));
        }
    }

    /// Draws it over the whole screen's `area`; help also lists the keys of the view below.
    pub fn render(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
        view: ViewId,
        keys: &[KeyHelp],
    ) {
        match self {
            Self::Help(scroll) => draw_help(area, buffer, theme, *scroll, view, keys),
            Self::Messages(lines, back) => draw_messages(area, buffer, theme, lines, *back),
            Self::Palette(line) => draw_palette(area, buffer, theme, line),
            Self::Question { text, choices } => {
                let inside = window(area, 48, choices.len() as u16 + 4, "", buffer, theme);
                write(buffer, inside, 0, theme.say(text), theme.style(Role::Title));
                for (row, (key, does, _)) in (2..).zip(choices) {
                    write(buffer, inside, row, &key.to_string(), theme.style(Role::Accent));
                    write_at(buffer, inside, 4, row, theme.say(does), theme.style(Role::Text));
                }
            }
        }
    }
}

/// Scrolls; a step of −1 counts upwards.
fn scroll_key(scroll: &mut u16, code: KeyCode, step: i16) -> Answer {
    let by = match code {
        KeyCode::Down | KeyCode::Char('j') => 1,
        KeyCode::Up | KeyCode::Char('k') => -1,
        KeyCode::PageDown | KeyCode::Char(' ') => 10,
        KeyCode::PageUp => -10,
        KeyCode::Home if step > 0 => -i16::MAX,
        _ => return Answer::Close,
    };
    *scroll = scroll.saturating_add_signed(step * by);
    Answer::Stay
}

fn palette_key(line: &mut String, code: KeyCode) -> Answer {
    match code {
        KeyCode::Esc => return Answer::Close,
        KeyCode::Enter => return Answer::Line(line.clone()),
        KeyCode::Backspace if line.is_empty() => return Answer::Close,
        KeyCode::Backspace => {
            line.pop();
        }
        KeyCode::Tab => complete(line),
        KeyCode::Char(character) => line.push(character),
        _ => {}
    }
    Answer::Stay
}

/// Finishes the command's name where only one begins like it.
fn complete(line: &mut String) {
    let mut fitting = ENTRIES.iter().filter(|entry| entry.name.starts_with(line.as_str()));
    if let (Some(only), None) = (fitting.next(), fitting.next()) {
        *line = format!("{} ", only.name);
    }
}

/// Clears a window in the middle of the screen; returns its inside.
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
    // A wide character half of which would be covered goes whole.
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

fn draw_palette(area: Rect, buffer: &mut Buffer, theme: &Theme, line: &str) {
    let typed = line.split(' ').next().unwrap_or_default();
    let fitting: Vec<_> = ENTRIES.iter().filter(|entry| entry.name.starts_with(typed)).collect();
    let height = fitting.len() as u16 + 4;
    let inside = window(area, 66, height, "Command", buffer, theme);
    let end = write(buffer, inside, 0, &format!(":{line}"), theme.style(Role::Title));
    write_at(buffer, inside, end, 0, " ", theme.style(Role::Selected));
    for (row, entry) in (2..).zip(fitting) {
        let usage = format!("{} {}", entry.name, entry.argument);
        write(buffer, inside, row, &usage, theme.style(Role::Accent));
        write_at(buffer, inside, 18, row, theme.say(entry.does), theme.style(Role::Dim));
    }
}

fn draw_messages(area: Rect, buffer: &mut Buffer, theme: &Theme, lines: &[LogLine], back: u16) {
    let inside = window(area, 100, 24.min(area.height), "Messages of the run", buffer, theme);
    if lines.is_empty() {
        write(buffer, inside, 0, theme.say("nothing was said yet"), theme.style(Role::Dim));
        return;
    }
    let mut rows = Vec::new();
    for line in lines {
        let role = match line.level {
            Level::Info => Role::Text,
            Level::Warning => Role::Warning,
            Level::Error => Role::Bad,
        };
        let text = theme.tell(&line.text);
        rows.extend(wrap(&text, inside.width).into_iter().map(|row| (row, role)));
    }
    let most = rows.len().saturating_sub(usize::from(inside.height));
    let first = most.saturating_sub(usize::from(back));
    for (at, (row, role)) in (0..inside.height).zip(&rows[first..]) {
        write(buffer, inside, at, row, theme.style(*role));
    }
}

/// The keys of the views: the digits as a range, the others one by one.
fn view_keys() -> String {
    let others = TABLE.iter().map(|entry| entry.key).filter(|key| !('1'..='9').contains(key));
    others.fold("1 … 9".into(), |text, key| format!("{text} {key}"))
}

fn draw_help(
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
    scroll: u16,
    view: ViewId,
    keys: &[KeyHelp],
) {
    let mut lines: Vec<(String, &str)> = Vec::new();
    if !keys.is_empty() {
        lines.push((theme.fill("In {}", &[&theme.say(view.name())]), ""));
        lines.extend(keys.iter().map(|key| (key.keys.to_string(), key.does)));
        lines.push((String::new(), ""));
    }
    lines.push((theme.say("Everywhere").into(), ""));
    lines.push((view_keys(), "views"));
    // A key that the view takes for itself does nothing else while it is open.
    let taken = |name: &str| keys.iter().any(|key| key.keys == name);
    let free = BINDINGS.iter().filter(|binding| !taken(binding.keys));
    lines.extend(free.map(|binding| (binding.keys.to_string(), binding.does)));
    let inside = window(area, 62, lines.len() as u16 + 2, "Keys", buffer, theme);
    let most = (lines.len() as u16).saturating_sub(inside.height);
    for (row, (keys, does)) in (0..inside.height).zip(&lines[usize::from(scroll.min(most))..]) {
        let role = if does.is_empty() { Role::Title } else { Role::Accent };
        write(buffer, inside, row, theme.say(keys), theme.style(role));
        write_at(buffer, inside, 16, row, theme.say(does), theme.style(Role::Text));
    }
}
