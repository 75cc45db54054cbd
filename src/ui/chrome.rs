//! The frame around the views: header, tabs, footer.

use super::language::Language;
use super::selection::snapshot_epochs;
use super::setup::DashboardSetup;
use super::theme::{TextRole, Theme};
use super::view::View;
use super::views;
use super::widgets::{shortened, wrap, write, write_at, write_right};
use crate::protocol::{Activity, Moment, Outcome, Pace, PauseLevel, RunView};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

/// The data for header, tabs and footer.
#[derive(Clone, Copy)]
pub(super) struct Chrome<'a> {
    pub setup: &'a DashboardSetup,
    pub run: &'a RunView,
    pub views: &'a [Box<dyn View>],
    /// Index of the visible view.
    pub current: usize,
    pub moment: Moment,
    /// The reason, if the run cannot be reached and the screen is out of date.
    pub lost: Option<&'a str>,
    /// A sentence in the footer.
    pub notice: Option<&'a str>,
    /// Whether there is a run that has neither ended nor lost its connection.
    pub is_going: bool,
}

/// The area of the view: everything except header, tabs and footer, which small screens lack.
#[must_use]
pub fn body(area: Rect) -> Rect {
    let (top, bottom) = match area.height {
        0..=3 => (0, 0),
        4..=7 => (1, 0),
        _ => (2, 1),
    };
    Rect { y: area.y + top, height: area.height - top - bottom, ..area }
}

impl Chrome<'_> {
    /// Draws the frame; returns where each tab is.
    pub(super) fn draw(self, area: Rect, buffer: &mut Buffer) -> Vec<Rect> {
        let line = |row| Rect { y: area.y + row, height: 1, ..area };
        if area.height >= 4 {
            header(self, line(0), buffer);
        }
        if area.height < 8 {
            return Vec::new();
        }
        footer(self, line(area.height - 1), buffer);
        tabs(self, line(1), buffer)
    }
}

/// The state of the run and the role of its text. A pending request is shown instead of the state.
pub(super) fn state(run: &RunView, theme: &Theme) -> (String, TextRole) {
    if let Some(Outcome::Diverged { epoch, .. }) = &run.outcome {
        return (theme.fill("diverged in epoch {}", &[epoch]), TextRole::Bad);
    }
    let (text, role) = plain_state(run);
    (theme.say(text).into(), role)
}

fn plain_state(run: &RunView) -> (&'static str, TextRole) {
    let status = &run.status;
    match &run.outcome {
        Some(Outcome::Completed(_)) => return ("finished", TextRole::Good),
        Some(Outcome::Stopped) => return ("stopped", TextRole::Warning),
        Some(Outcome::Checkpointed(_)) => return ("checkpointed and ended", TextRole::Warning),
        Some(Outcome::Diverged { .. }) => return ("diverged", TextRole::Bad),
        Some(Outcome::Failed(_) | Outcome::Exited { .. }) => return ("failed", TextRole::Bad),
        None => {}
    }
    match status.activity {
        _ if status.stopping => ("stopping…", TextRole::Warning),
        Activity::Paused => match status.pause {
            PauseLevel::Paused => ("paused", TextRole::Warning),
            PauseLevel::Held => ("held", TextRole::Warning),
            PauseLevel::Suspended => ("suspended", TextRole::Warning),
        },
        _ if status.pausing && status.reports => ("hold requested…", TextRole::Warning),
        _ if status.pausing => ("pausing…", TextRole::Warning),
        Activity::Starting => ("starting…", TextRole::Dim),
        Activity::Training | Activity::Evaluating => ("training", TextRole::Good),
        // The outcome is not known yet.
        Activity::Finished => ("finishing…", TextRole::Good),
    }
}

/// The pace in words, with the key that resets it to full speed, shortened to `room` columns; empty
/// at full speed.
fn pace(run: &RunView, room: u16, theme: &Theme) -> String {
    let whole = match run.status.pace {
        Pace::Full => return String::new(),
        _ if run.outcome.is_some() => return String::new(),
        Pace::SecondsPerEpoch(seconds) => {
            theme.fill("slowed to {} s an epoch · F full speed", &[&seconds])
        }
        Pace::BatchesPerSecond(rate) => {
            theme.fill("slow motion, {} batches/s · F full speed", &[&rate])
        }
    };
    let shorter = ["slowed · F full speed", "F faster"].map(|text| theme.say(text).to_string());
    std::iter::once(whole)
        .chain(shorter)
        .find(|text| text.width() <= usize::from(room))
        .unwrap_or_default()
}

fn header(chrome: Chrome, line: Rect, buffer: &mut Buffer) {
    let theme = &chrome.setup.theme;
    let run = chrome.run;
    let mut end = write(buffer, line, 0, " nntop ", theme.style(TextRole::Accent));
    let without_run = match chrome.setup {
        DashboardSetup { explorable: Some(_), .. } => Some("ideas of the book to play with"),
        DashboardSetup { reading: Some(_), .. } => Some("a picture and how it was read"),
        DashboardSetup { runs: Some(_), .. } => Some("runs by their logs"),
        _ => None,
    };
    if let Some(what) = without_run {
        write_at(buffer, line, end + 1, 0, theme.say(what), theme.style(TextRole::Dim));
        return;
    }
    let (state, role) = match chrome.lost {
        Some(_) => (theme.say("lost").into(), TextRole::Bad),
        None => match (chrome.setup.model, &run.outcome) {
            (Some(0 | 1), Some(Outcome::Completed(_))) => {
                (theme.say("saved model").into(), TextRole::Good)
            }
            (Some(networks), Some(Outcome::Completed(_))) => {
                (theme.fill("saved ensemble of {} networks", &[&networks]), TextRole::Good)
            }
            (Some(_), None) => (theme.say("measuring…").into(), TextRole::Dim),
            _ => state(run, theme),
        },
    };
    end = write_at(buffer, line, end + 1, 0, &state, theme.style(role));
    // An experiment has no epochs before its first network.
    let total = run.info.as_ref().map_or(0, |info| info.epochs);
    let is_model = chrome.setup.model.is_some();
    if is_model {
        if run.epoch() > 0 {
            let trained = theme.fill("trained for {} epochs", &[&run.epoch()]);
            end = write_at(buffer, line, end + 2, 0, &trained, theme.style(TextRole::Text));
        }
    } else if total > 0 || run.info.is_none() {
        let epoch = theme.fill("epoch {}/{}", &[&run.epoch(), &total]);
        end = write_at(buffer, line, end + 2, 0, &epoch, theme.style(TextRole::Text));
    }
    if let Moment::Epoch(epoch) = chrome.moment {
        let text = format!(" {} ", theme.fill("showing epoch {} · Esc back to now", &[&epoch]));
        end = write_at(buffer, line, end + 2, 0, &text, theme.style(TextRole::Selected));
        let room = usize::from(line.width.saturating_sub(end + 3));
        kept(run, epoch, room, theme).inspect(|text| {
            write_at(buffer, line, end + 2, 0, text, theme.style(TextRole::Dim));
        });
        return;
    }
    let pace = pace(run, line.width.saturating_sub(end + 2), theme);
    if !pace.is_empty() {
        end = write_at(buffer, line, end + 2, 0, &pace, theme.style(TextRole::Warning));
    }
    let Some(info) = &run.info else { return };
    let what = if info.network.is_empty() {
        info.title.clone()
    } else {
        format!("{} · {} · {}", info.data, info.network, theme.say(&info.cost))
    };
    let named = if chrome.setup.name.is_empty() || chrome.setup.name == what {
        what.clone()
    } else {
        format!("{} · {what}", chrome.setup.name)
    };
    let room = usize::from(line.width.saturating_sub(end + 3));
    let fitting = [named, what, chrome.setup.name.clone()].into_iter().find(|t| t.width() <= room);
    write_right(
        buffer,
        line,
        0,
        &format!("{} ", fitting.unwrap_or_default()),
        theme.style(TextRole::Dim),
    );
}

/// The epochs of which a run keeps snapshots: a list around the epoch shown, or their number if the
/// list does not fit; `None` if neither fits.
fn kept(run: &RunView, shown: u32, room: usize, theme: &Theme) -> Option<String> {
    let epochs = snapshot_epochs(run);
    let named = theme.fill("[ ] kept: {}", &[&""]);
    let list = around(&epochs, shown, room.saturating_sub(named.width()));
    // A list of only the shown epoch says nothing about the others.
    let is_list = list.split(' ').filter(|part| *part != "…").count() > 1;
    let number = (1..).zip(&epochs).find(|(_, epoch)| **epoch == shown);
    let texts = [
        is_list.then(|| theme.fill("[ ] kept: {}", &[&list])),
        number.map(|(at, _)| theme.fill("[ ] {} of {} kept", &[&at, &epochs.len()])),
        number.map(|(at, _)| format!("{at}/{}", epochs.len())),
    ];
    texts.into_iter().flatten().find(|text| text.width() <= room)
}

/// The epochs around the one shown that fit into `room` columns; `…` marks those left out.
fn around(epochs: &[u32], shown: u32, room: usize) -> String {
    let here = epochs.partition_point(|epoch| *epoch < shown).min(epochs.len().saturating_sub(1));
    let text = |first: usize, end: usize| {
        let part = epochs[first..end].iter().map(u32::to_string);
        let before = (first > 0).then(|| "…".to_string());
        let after = (end < epochs.len()).then(|| "…".to_string());
        before.into_iter().chain(part).chain(after).collect::<Vec<_>>().join(" ")
    };
    let (mut first, mut end) = (here, here);
    loop {
        let wider = (first.saturating_sub(1), (end + 1).min(epochs.len()));
        let longer = text(wider.0, wider.1);
        if longer.width() > room || wider == (first, end) {
            return text(first, end);
        }
        (first, end) = wider;
    }
}

/// The tabs with all names and space between them, with less space, with short names, or with the
/// current name alone, whichever there is room for.
fn tabs(chrome: Chrome, line: Rect, buffer: &mut Buffer) -> Vec<Rect> {
    let theme = &chrome.setup.theme;
    let names: Vec<&str> = chrome.views.iter().map(|view| theme.say(view.id().name())).collect();
    let short: Vec<&str> = match theme.language() {
        Language::English => chrome.views.iter().map(|view| view.id().short_name()).collect(),
        Language::Chinese => names.clone(),
    };
    let fits = |names: &[&str], around: usize| {
        let letters: usize = names.iter().map(|name| name.width()).sum();
        letters + around * names.len() <= usize::from(line.width) + 1
    };
    let alone: Vec<&str> = (0..names.len())
        .map(|index| if index == chrome.current { names[index] } else { "" })
        .collect();
    let longest = names.iter().map(|name| name.width()).max().unwrap_or(0);
    let (names, pad) = match () {
        () if fits(&names, 5) => (names, " "),
        () if fits(&names, 3) => (names, ""),
        () if fits(&short, 3) => (short, ""),
        () if longest + 4 * alone.len() <= usize::from(line.width) => (alone, " "),
        () => (alone, ""),
    };
    let mut column = 0;
    let mut places = Vec::new();
    for (index, (name, key)) in names.into_iter().zip(views::keys(chrome.views)).enumerate() {
        let current = index == chrome.current;
        let gap = if name.is_empty() { "" } else { " " };
        let text = format!("{pad}{key}{gap}{name}{pad}");
        let role = if current { TextRole::Selected } else { TextRole::Dim };
        let end = write_at(buffer, line, column, 0, &text, theme.style(role));
        if !current {
            let key = key.to_string();
            let place = column + pad.width() as u16;
            write_at(buffer, line, place, 0, &key, theme.style(TextRole::Accent));
        }
        places.push(Rect { x: line.x + column, width: end.saturating_sub(column), ..line });
        column = end + 1;
    }
    places
}

fn footer(chrome: Chrome, line: Rect, buffer: &mut Buffer) {
    let theme = &chrome.setup.theme;
    if let Some(why) = chrome.lost {
        let text = format!(" {} ", theme.fill("stale: {}", &[&why]));
        write(buffer, line, 0, &shortened(&text, line.width.into()), theme.style(TextRole::Bad));
        return;
    }
    let sentence = |text: &str| shortened(text, usize::from(line.width).saturating_sub(1));
    if let Some(notice) = chrome.notice {
        write_at(buffer, line, 1, 0, &sentence(notice), theme.style(TextRole::Warning));
        return;
    }
    if let Some(Outcome::Diverged { hint, .. }) = &chrome.run.outcome {
        write_at(buffer, line, 1, 0, &sentence(hint), theme.style(TextRole::Bad));
        return;
    }
    let room = line.width - outcome(chrome, line, buffer);
    let keys = chrome.views[chrome.current].keys();
    let view = keys.iter().map(|key| (key.keys, key.does));
    let paused = chrome.run.status.activity == Activity::Paused;
    let pause = if paused { "resume" } else { "pause" };
    let steers = chrome.is_going && !chrome.setup.read_only;
    let everywhere = [("space", pause), (".", "step")].into_iter().filter(|_| steers);
    let everywhere = everywhere.filter(|(name, _)| !keys.iter().any(|key| key.keys == *name));
    let detach = [("d", "detach")].into_iter().filter(|_| chrome.setup.detachable);
    let hints = everywhere.chain([("?", "help")]).chain(detach).chain([("q", "quit")]).chain(view);
    let mut column = 1;
    for (keys, does) in hints.map(|(keys, does)| (theme.say(keys), theme.say(does))) {
        let width = (keys.width() + 1 + does.width()) as u16;
        // A shorter hint may still fit.
        if column + width > room {
            continue;
        }
        column = write_at(buffer, line, column, 0, keys, theme.style(TextRole::Accent));
        column = write_at(buffer, line, column + 1, 0, does, theme.style(TextRole::Dim)) + 2;
    }
}

/// Writes how a completed run ended at the right, if that takes at most half of the line; returns
/// the columns it takes.
fn outcome(chrome: Chrome, line: Rect, buffer: &mut Buffer) -> u16 {
    let Some(Outcome::Completed(why)) = &chrome.run.outcome else { return 0 };
    let (epochs, theme) = (chrome.run.epoch(), &chrome.setup.theme);
    let planned = chrome.run.info.as_ref().map_or(0, |info| info.epochs);
    let text = match epochs {
        // The usual reason is translated.
        1 if planned == 1 => theme.say("1 epoch trained").into(),
        _ if planned > 1 && epochs == planned => theme.fill("all {} epochs trained", &[&planned]),
        _ => why.clone(),
    };
    let text = format!(" {text} ");
    let width = text.width() as u16;
    let is_model = chrome.setup.model.is_some();
    if is_model || why.is_empty() || width > line.width / 2 {
        return 0;
    }
    write_right(buffer, line, 0, &text, chrome.setup.theme.style(TextRole::Good));
    width
}

/// The page of a failed run: what happened, and what to do.
#[must_use]
pub fn failure(run: &RunView) -> Option<[String; 2]> {
    match &run.outcome {
        Some(Outcome::Failed(why)) => Some(["The run failed.".into(), why.clone()]),
        _ => None,
    }
}

/// Draws the page of a failed run.
pub fn draw_failure(page: &[String; 2], area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let inside = super::widgets::Pane::new("Failed", theme).draw(area, buffer);
    write(buffer, inside, 0, theme.say(&page[0]), theme.style(TextRole::Bad));
    for (row, part) in (2..).zip(wrap(&page[1], inside.width)) {
        write(buffer, inside, row, &part, theme.style(TextRole::Text));
    }
}

/// Blanks every wide character whose second column was overwritten: a terminal would shift the rest
/// of the line.
pub fn keep_wide_whole(buffer: &mut Buffer) {
    let width = usize::from(buffer.area.width).max(1);
    for index in 0..buffer.content.len() {
        let symbol = buffer.content[index].symbol();
        if symbol.len() < 3 || symbol.width() < 2 {
            continue;
        }
        let is_last = (index + 1).is_multiple_of(width);
        if is_last || !buffer.content[index + 1].symbol().trim().is_empty() {
            buffer.content[index].set_symbol(" ");
        }
    }
}

/// Replaces what is not ASCII, for terminals without Unicode.
pub fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let replacement = match cell.symbol().chars().next() {
            Some(character) if !character.is_ascii() => ascii(character),
            _ => continue,
        };
        cell.set_char(replacement);
    }
}

fn ascii(character: char) -> char {
    match character {
        '─' | '━' | '−' | '–' | '—' | '╴' | '╶' => '-',
        '│' | '┃' | '╵' | '╷' => '|',
        '┌' | '┐' | '└' | '┘' | '╭' | '╮' | '╰' | '╯' | '├' | '┤' | '┬' | '┴' | '┼' => {
            '+'
        }
        '…' | '·' | '•' => '.',
        '×' | '✗' => 'x',
        '✓' => 'v',
        '●' => '@',
        '○' => 'o',
        '▶' | '→' | '›' => '>',
        '◀' | '←' | '‹' => '<',
        '↑' | '▲' | '⇧' => '^',
        '↓' | '▼' => 'v',
        'η' => 'n',
        'λ' => 'l',
        'μ' => 'm',
        'σ' => 's',
        '█' | '▓' => '#',
        _ => '?',
    }
}
