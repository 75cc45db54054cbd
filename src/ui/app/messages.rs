//! What the run says in words: warnings at once, in any view, and everything in a list.

use super::App;
use crate::protocol::{Command, Event, Level, RunView};
use crate::ui::overlay::Overlay;

impl App {
    /// Tells of what must not be missed, until the next key.
    pub(super) fn heed(&mut self, event: &Event) {
        match event {
            Event::Saved(saved) => {
                self.notice = Some(self.setup.theme.fill("saved {}", &[&saved.path]));
            }
            Event::Log(said) if said.level != Level::Info => self.notice = Some(said.text.clone()),
            _ => {}
        }
    }

    /// The same of what happened while this front end was behind; of the time before it came, what
    /// was said alone.
    pub(super) fn heed_snapshot(&mut self, now: &RunView) {
        if now.outcome.is_some() {
            return;
        }
        let was_here = self.run.info.is_some();
        for fact in now.facts_since(&self.run) {
            if was_here || matches!(fact, Event::Log(_)) {
                self.heed(&fact);
            }
        }
    }

    pub(super) fn open_messages(&mut self) -> Vec<Command> {
        self.open(Overlay::messages(&self.run.log))
    }
}
