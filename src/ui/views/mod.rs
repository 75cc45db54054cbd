//! The table of views.
