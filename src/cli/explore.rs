//! `nntop explore`: interactive explorables of the book's ideas, without a run.

use super::args::ExploreArgs;
use super::dashboard::{has_terminal, show_without_run};
use super::display::DisplayArgs;
use super::error::Usage;
use super::output::{self, Output};
use crate::explore;
use crate::protocol::{Event, Explorable, Update};
use crate::ui::{App, DashboardSetup, Language, Theme, text};
use anyhow::Context;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::json;
use std::io;
use std::process::ExitCode;

/// Size of the output without a terminal, in columns and rows.
const PICTURE: Rect = Rect::new(0, 0, 120, 40);

/// Lists the explorables, or opens one.
pub(super) fn run(args: &ExploreArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let mut out = output::out();
    match &args.id {
        None => list(args.json, display.theme().language(), &mut out)?,
        Some(id) => {
            let explorable = find(id)?;
            if args.json {
                print_json(explorable, &mut out)?;
            } else if has_terminal() {
                let theme = display.theme();
                let setup = DashboardSetup { extras: display.extras(), ..setup(explorable, theme) };
                show_without_run(setup, display)?;
            } else {
                out.lines(&picture(explorable, display.text_theme()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The explorable with this id, or with the only id that starts with it.
fn find(id: &str) -> Result<&'static Explorable, Usage> {
    let list = explore::list();
    let begin = || list.iter().filter(|explorable| explorable.id.starts_with(id));
    let exact = list.iter().find(|explorable| explorable.id == id);
    exact.or_else(|| begin().next().filter(|_| begin().count() == 1)).ok_or_else(|| {
        let several: Vec<&str> = begin().map(|explorable| explorable.id.as_str()).collect();
        Usage::because(match several.as_slice() {
            [] => format!("there is no explorable `{id}`; `nntop explore` lists them"),
            several => format!("`{id}` could be {}", several.join(" or ")),
        })
    })
}

fn list(json: bool, language: Language, out: &mut Output<'_>) -> io::Result<()> {
    let widest = explore::list().iter().map(|explorable| explorable.id.len()).max();
    for Explorable { id, chapter, title, to_try, to_notice, .. } in explore::list() {
        if json {
            let line = json!({
                "id": id,
                "chapter": chapter,
                "title": title,
                "try": to_try,
                "expected": to_notice,
            });
            out.json(&line)?;
        } else {
            let title = language.say(title);
            writeln!(out, "{id:width$}  ch. {chapter}  {title}", width = widest.unwrap_or(0))?;
        }
    }
    Ok(())
}

/// The sliders, then one line per figure, at the defaults.
fn print_json(explorable: &Explorable, out: &mut Output<'_>) -> anyhow::Result<()> {
    let explored = explore::explore(&explorable.id, &[]).context("it is listed")?;
    out.json(&json!({ "event": "explorable", "explorable": explorable }))?;
    for figure in explored.figures {
        out.json(&json!({ "event": "figure", "id": explorable.id, "figure": figure }))?;
    }
    Ok(())
}

fn setup(explorable: &Explorable, theme: Theme) -> DashboardSetup {
    DashboardSetup { theme, explorable: Some(explorable.id.clone()), ..DashboardSetup::default() }
}

/// The dashboard as plain text.
fn picture(explorable: &Explorable, theme: Theme) -> String {
    let mut app = App::new(setup(explorable, theme));
    app.update(Update::Event(Event::Explorables(explore::list().to_vec())));
    app.update(Update::Event(explore::answer(&explorable.id, &[])));
    let mut buffer = Buffer::empty(PICTURE);
    app.render(&mut buffer);
    text(&buffer)
}
