//! The table of views.

mod confusion;
mod curves;
mod digits;
mod draw;
mod explore;
mod features;
mod figures;
mod gradients;
mod network;
mod overview;
mod read;
mod weights;

use super::view::View;
use crate::protocol::Reading;

/// The key that opens each view, in the order of [`all`].
pub const KEYS: &[char] = &['1', '2', '3', '4', '5', '6', '7', '8', '9', 'D', '0'];

/// Every view, in the order of its tab.
#[must_use]
pub fn all() -> Vec<Box<dyn View>> {
    vec![
        Box::<overview::Overview>::default(),
        Box::<curves::Curves>::default(),
        Box::<weights::Weights>::default(),
        Box::<digits::Digits>::default(),
        Box::<confusion::Confusion>::default(),
        Box::<gradients::Gradients>::default(),
        Box::<network::Network>::default(),
        Box::<features::Features>::default(),
        Box::<figures::Figures>::default(),
        Box::<draw::Draw>::default(),
        Box::<explore::Explore>::default(),
    ]
}

/// What there is to see where there is no run: an explorable.
#[must_use]
pub fn exploring(id: &str) -> Vec<Box<dyn View>> {
    vec![Box::new(explore::Explore::opened(id))]
}

/// What there is to see of a picture that was read.
#[must_use]
pub fn reading(name: &str, reading: &Reading) -> Vec<Box<dyn View>> {
    vec![Box::new(read::Read::of(name, reading))]
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_view_has_a_key() {
        assert_eq!(super::KEYS.len(), super::all().len());
    }
}
