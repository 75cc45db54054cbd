//! The ways from what was asked for to what is shown: overlays, views, moments.

use super::App;
use crate::protocol::{Activity, Command, Moment};
use crate::ui::overlay::{Answer, Overlay};
use crate::ui::palette;
use crate::ui::view::Context;

impl App {
    pub(super) fn answer(&mut self, answer: Answer) -> Vec<Command> {
        match answer {
            Answer::Stay => return Vec::new(),
            Answer::Close => {}
            Answer::Line(line) => {
                self.overlay = None;
                return match palette::parse(&line) {
                    Ok(effect) => self.effect(effect),
                    Err(sentence) => {
                        self.notice = Some(sentence);
                        Vec::new()
                    }
                };
            }
            Answer::Effect(effect) => {
                self.overlay = None;
                return self.effect(effect);
            }
        }
        self.overlay = None;
        Vec::new()
    }

    pub(super) fn open(&mut self, overlay: Overlay) -> Vec<Command> {
        self.overlay = Some(overlay);
        Vec::new()
    }

    /// A question what becomes of the run is void once nothing of it is left to decide.
    pub(super) fn drop_question(&mut self) {
        if matches!(self.overlay, Some(Overlay::Question { .. })) && !self.run_is_going() {
            self.overlay = None;
        }
    }

    pub(super) fn open_view(&mut self, name: &str) -> Vec<Command> {
        let mut names = self.views.iter().map(|view| view.name().to_lowercase());
        if let Some(index) = names.position(|known| known.starts_with(name)) {
            return self.show_view(index);
        }
        self.notice = Some(format!("there is no view {name:?}; the tabs name those there are"));
        Vec::new()
    }

    pub(super) fn show_view(&mut self, index: usize) -> Vec<Command> {
        self.current = index % self.views.len();
        // What came while it was not seen is news to it.
        let reaction = self.views[self.current].updated(&context!(self));
        self.react(reaction)
    }

    /// Space resumes what is paused, or will be, and pauses everything else.
    pub(super) fn pause_or_resume(&self) -> Command {
        let status = &self.run.status;
        if status.activity == Activity::Paused || status.pausing {
            Command::Resume
        } else {
            Command::Pause
        }
    }

    /// The epoch before or after the one shown; after the newest comes now.
    pub(super) fn neighbour(&self, step: i64) -> Moment {
        let newest = i64::from(self.run.epoch());
        let shown = match self.moment {
            Moment::Live => newest + 1,
            Moment::Epoch(epoch) => i64::from(epoch),
        };
        let wanted = (shown + step).max(0);
        if wanted > newest { Moment::Live } else { Moment::Epoch(wanted as u32) }
    }

    pub(super) fn last_digit(&self) -> u32 {
        self.run.info.as_ref().map_or(0, |info| info.test_size.saturating_sub(1))
    }
}
