//! The table of runs: opened over a dashboard, and left again.

use super::App;
use crate::protocol::Command;
use crate::ui::effect::Exit;
use crate::ui::request::Request;
use crate::ui::view_id::ViewId;

impl App {
    /// What the loop around it is asked for, once.
    pub(in crate::ui) fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// Puts a sentence into the footer.
    pub(in crate::ui) fn say(&mut self, sentence: String) {
        self.messages.notice = Some(sentence);
    }

    /// Opens the table of runs: the view of it, or a dashboard of its own over this one. From one
    /// that lies over another, the key that opened it goes back.
    pub(super) fn open_runs(&mut self) -> Option<Command> {
        if self.setup.runs.is_none() && self.setup.is_over() {
            self.exit = Some(Exit::Detach);
        } else if self.setup.runs.is_none() {
            if self.setup.opener.is_none() {
                return self.notify("the table of runs cannot be opened here");
            }
            self.request = Some(Request::Runs);
        } else if self.views[self.current].id() == ViewId::Runs && self.setup.is_over() {
            self.exit = Some(Exit::Done);
        } else {
            return self.open_view(ViewId::Runs);
        }
        None
    }

    /// One layer out of the views of runs: to the table, and from there to the dashboard below.
    pub(super) fn leave_runs(&mut self) -> Option<Command> {
        if self.views[self.current].id() != ViewId::Runs {
            return self.open_view(ViewId::Runs);
        }
        if self.setup.is_over() {
            self.exit = Some(Exit::Done);
        }
        None
    }
}
