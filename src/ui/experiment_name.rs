//! The names of the book's experiments.

/// An experiment of the book, as the Book view names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExperimentName {
    pub id: &'static str,
    pub chapter: u32,
    pub title: &'static str,
    /// What the book says will happen.
    pub expected: &'static str,
}
