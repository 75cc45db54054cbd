//! The names of the book's experiments.

/// An experiment of the book, for the Book view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExperimentName {
    pub id: &'static str,
    pub chapter: u32,
    pub title: &'static str,
    /// The result that the book predicts.
    pub expected: &'static str,
}
