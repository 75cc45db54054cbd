//! The page about a run: recipe, data, machine and directory.

use super::recipe::of_recipe;
use super::setup::DashboardSetup;
use crate::protocol::RunView;

/// Names and values of the page, translated.
#[must_use]
pub fn lines(run: &RunView, setup: &DashboardSetup) -> Vec<(String, String)> {
    let theme = &setup.theme;
    let Some(info) = &run.info else { return Vec::new() };
    let own = [("run", &setup.name), ("directory", &setup.run_directory), ("title", &info.title)];
    let own = own.into_iter().filter(|(_, value)| !value.is_empty());
    let mut lines: Vec<(String, String)> =
        own.map(|(name, value)| (theme.say(name).to_string(), value.clone())).collect();
    lines.extend(of_recipe(info, theme));
    if !setup.machine.is_empty() {
        lines.push((theme.say("machine").to_string(), setup.machine.clone()));
    }
    lines
}
