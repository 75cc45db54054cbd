//! Dashboards that open over another one: the table of runs, and the runs in it.

use super::setup::Setup;
use crate::protocol::Link;
use std::fmt;

/// What a dashboard is shown of.
#[derive(Debug)]
pub struct Opened {
    pub link: Link,
    pub setup: Setup,
}

/// Opens what a dashboard can show over itself.
pub trait Opener: fmt::Debug + Send + Sync {
    /// The table of runs.
    ///
    /// # Errors
    /// Says why it cannot be shown.
    fn runs(&self) -> Result<Opened, String>;

    /// A run of nntop, by its name.
    ///
    /// # Errors
    /// Says why it cannot be shown.
    fn run(&self, name: &str) -> Result<Opened, String>;
}

/// What a dashboard asks of the loop around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Runs,
    Run(String),
    Copy(String),
}
