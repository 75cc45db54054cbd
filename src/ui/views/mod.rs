//! The table of views.

mod confusion;
mod curves;
mod digits;
mod features;
mod figures;
mod gradients;
mod network;
mod overview;
mod weights;

use super::view::View;

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
    ]
}
