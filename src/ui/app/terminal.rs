//! What the event loop asks of the dashboard for its terminal: title, colours, pasted text.

use super::App;
use crate::protocol::{Command, RunView};
use crate::ui::effect::Effect;
use crate::ui::overlay::Overlay;
use crate::ui::setup::Setup;

impl App {
    /// How the dashboard is set up.
    pub(in crate::ui) fn setup(&self) -> &Setup {
        &self.setup
    }

    /// How the run stands.
    pub(in crate::ui) fn run(&self) -> &RunView {
        &self.run
    }

    /// Draws for a light background, or for a dark one.
    pub(in crate::ui) fn set_background(&mut self, light: bool) {
        self.setup.theme.light = light;
    }

    /// Text that was pasted: for an open prompt, or for nothing. It never counts as keys.
    pub fn paste(&mut self, text: &str) {
        if let Some(overlay) = &mut self.overlay {
            overlay.paste(text);
        } else {
            let effect = self.views[self.current].paste(text);
            // Nothing is asked of the run by pasting.
            debug_assert!(matches!(effect, Effect::Ignored | Effect::Redraw));
        }
    }

    /// Draws for another background because the user says so.
    pub(super) fn choose_background(&mut self, light: bool) -> Option<Command> {
        self.set_background(light);
        let text =
            if light { "colours for a light background" } else { "colours for a dark background" };
        self.notify(text)
    }

    /// Asks whether to stop the run; where it cannot be stopped from here, says why.
    pub(super) fn ask_to_stop(&mut self) -> Option<Command> {
        if self.setup.read_only {
            return self.apply(Effect::Send(Command::Stop));
        }
        self.open(Overlay::ask_stop(&self.setup.theme))
    }
}
