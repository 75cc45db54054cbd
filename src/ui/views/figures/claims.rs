//! The book's claims and the measured values.

use crate::protocol::Claim;
use crate::ui::numbers::seconds;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::ViewContext;
use crate::ui::widgets::{Pane, wrap, write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Number of rows of the claims at a width.
pub(super) fn rows(claims: &[Claim], width: u16, theme: &Theme) -> u16 {
    let rows: usize = claims.iter().map(|claim| lines(claim, width, theme).len() + 1).sum();
    u16::try_from(rows.saturating_sub(1)).unwrap_or(u16::MAX)
}

/// The lines of a claim: the sentence, then its values.
fn lines(claim: &Claim, width: u16, theme: &Theme) -> Vec<(TextRole, String)> {
    let (mark, role) = if claim.holds { ("✓", TextRole::Good) } else { ("✗", TextRole::Bad) };
    let verdict = theme.say(if claim.holds { "holds" } else { "does not hold" });
    let seed = theme.fill("seed {}", &[&claim.seed]);
    let indented = width.saturating_sub(2);
    let mut lines = Vec::new();
    for (index, line) in wrap(&claim.claim, indented).into_iter().enumerate() {
        let start = if index == 0 { mark } else { " " };
        lines.push((if index == 0 { role } else { TextRole::Text }, format!("{start} {line}")));
    }
    let tolerance = match claim.tolerance.as_str() {
        "" => String::new(),
        tolerance => format!(" ({tolerance})"),
    };
    let expected = theme.fill("expected {}", &[&format!("{}{tolerance}", claim.expected)]);
    let measured = theme.fill("measured {}", &[&claim.measured]);
    let end = (role, format!("{verdict} · {seed} · {}", seconds(claim.seconds, theme)));
    let figures = if width >= 60 {
        vec![(TextRole::Text, format!("{measured} · {expected}")), end]
    } else {
        vec![(TextRole::Dim, expected), (TextRole::Text, measured), end]
    };
    for (role, text) in figures {
        lines.extend(wrap(&text, indented).into_iter().map(|line| (role, format!("  {line}"))));
    }
    lines
}

/// Draws the claims from a row on; clamps that row.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, context: &ViewContext, scroll: &mut usize) {
    let (claims, theme) = (&context.run.claims, context.theme);
    let holding = claims.iter().filter(|claim| claim.holds).count();
    let note = if claims.is_empty() {
        String::new()
    } else {
        theme.fill("{} of {} hold", &[&holding, &claims.len()])
    };
    let inside = Pane::new("Claims", theme).note(&note).draw(area, buffer);
    if claims.is_empty() {
        write(buffer, inside, 0, theme.say("none checked yet…"), theme.style(TextRole::Dim));
        return;
    }
    let all: Vec<(TextRole, String)> = claims
        .iter()
        .flat_map(|claim| {
            lines(claim, inside.width, theme).into_iter().chain([(TextRole::Dim, String::new())])
        })
        .collect();
    let height = usize::from(inside.height);
    *scroll = (*scroll).min((all.len() - 1).saturating_sub(height));
    for (row, (role, line)) in (0..inside.height).zip(all.iter().skip(*scroll)) {
        let end = write(buffer, inside, row, line, theme.style(*role));
        let more = all.len() - 1 > *scroll + height;
        if row + 1 == inside.height && more && end + 4 <= inside.width {
            write_at(buffer, inside, inside.width - 2, row, "▼", theme.style(TextRole::Dim));
        }
    }
}
