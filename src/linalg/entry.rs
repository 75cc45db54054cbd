//! One value of a sparse row.

use super::Real;

/// A nonzero value, and the offset of the row that it is multiplied by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C)]
pub(crate) struct SparseEntry {
    /// The index of the value times the stride of those rows.
    pub(crate) offset: u32,
    pub(crate) value: Real,
}
