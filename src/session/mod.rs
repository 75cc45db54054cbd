//! Floor to be built.
