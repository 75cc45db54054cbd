//! The experiments of the book, one file each.
//!
//! An experiment trains networks, shows figures and checks the book's claims through its
//! [`JobContext`](crate::jobs::JobContext). It runs in its own thread with the channels of a
//! training run ([`Running`](crate::jobs::Running)), so that every front end supports it. To add
//! one, add a file here and a line to [`EXPERIMENTS`].

mod recipes;

mod ch1_adder;
mod ch1_bitwise_layer;
mod ch1_darkness;
mod ch1_digits;
mod ch1_eta;
mod ch1_four_outputs;
mod ch1_gradient_descent;
mod ch1_is_it_nine;
mod ch1_nand;
mod ch1_no_hidden;
mod ch1_sigmoid;
mod ch2_equations;
mod ch3_cross_entropy;
mod ch3_dropout;
mod ch3_early_stopping;
mod ch3_expanded_data;
mod ch3_grid_search;
mod ch3_hessian;
mod ch3_l1;
mod ch3_l2;
mod ch3_learning_rates;
mod ch3_momentum;
mod ch3_overfitting;
mod ch3_schedule;
mod ch3_slow_neuron;
mod ch3_softmax;
mod ch3_tanh_relu;
mod ch3_training_size;
mod ch3_weight_init;
mod ch4_universality;
mod ch5_depth;
mod ch5_exploding;
mod ch5_vanishing;
mod ch6_ensemble;
mod ch6_networks;

pub use crate::jobs::Experiment;

/// All experiments, in the book's order.
pub static EXPERIMENTS: &[Experiment] = &[
    ch1_nand::EXPERIMENT,
    ch1_adder::EXPERIMENT,
    ch1_sigmoid::EXPERIMENT,
    ch1_is_it_nine::EXPERIMENT,
    ch1_four_outputs::EXPERIMENT,
    ch1_bitwise_layer::EXPERIMENT,
    ch1_gradient_descent::EXPERIMENT,
    ch1_digits::THIRTY,
    ch1_digits::HUNDRED,
    ch1_eta::SMALL,
    ch1_eta::LARGE,
    ch1_no_hidden::EXPERIMENT,
    ch1_darkness::EXPERIMENT,
    ch2_equations::EXPERIMENT,
    ch3_slow_neuron::EXPERIMENT,
    ch3_cross_entropy::THIRTY,
    ch3_cross_entropy::HUNDRED,
    ch3_softmax::EXPERIMENT,
    ch3_overfitting::EXPERIMENT,
    ch3_l2::SMALL,
    ch3_l2::THIRTY,
    ch3_l2::HUNDRED,
    ch3_l2::BEST,
    ch3_l1::EXPERIMENT,
    ch3_dropout::EXPERIMENT,
    ch3_training_size::EXPERIMENT,
    ch3_expanded_data::EXPERIMENT,
    ch3_weight_init::EXPERIMENT,
    ch3_learning_rates::EXPERIMENT,
    ch3_early_stopping::EXPERIMENT,
    ch3_schedule::EXPERIMENT,
    ch3_grid_search::EXPERIMENT,
    ch3_hessian::EXPERIMENT,
    ch3_momentum::EXPERIMENT,
    ch3_tanh_relu::EXPERIMENT,
    ch4_universality::EXPERIMENT,
    ch5_vanishing::EXPERIMENT,
    ch5_depth::EXPERIMENT,
    ch5_exploding::EXPERIMENT,
    ch6_networks::SHALLOW,
    ch6_networks::CONV,
    ch6_networks::CONV_2,
    ch6_networks::RELU,
    ch6_networks::EXPANDED,
    ch6_networks::TWO_DENSE,
    ch6_networks::DROPOUT,
    ch6_ensemble::EXPERIMENT,
    ch6_networks::NO_DENSE,
    ch6_networks::RECURRENT,
];

/// An experiment of the book that is not implemented.
#[derive(Clone, Copy, Debug)]
pub struct OmittedExperiment {
    pub id: &'static str,
    pub chapter: u32,
    pub title: &'static str,
    /// Why it is not implemented.
    pub reason: &'static str,
}

/// The experiments that are not implemented, in the book's order.
pub static OMITTED: &[OmittedExperiment] = &[OmittedExperiment {
    id: "1-svm",
    chapter: 1,
    title: "A support vector machine (94.35% with scikit-learn's defaults)",
    reason: "no maintained crate trains one on 50,000 images in minutes: linfa-svm stores the \
             whole kernel matrix, 20 GB (rust-ml/linfa issue 308); smartcore takes 3.4 s for 500 \
             images of two digits, hours for 45 pairs of digits; libsvm's bindings need a C++ \
             library",
}];

/// The experiment with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Experiment> {
    EXPERIMENTS.iter().find(|experiment| experiment.id == id)
}

#[cfg(test)]
mod tests;
