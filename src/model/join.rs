//! Saved networks put together to one model, an ensemble.

use super::{Member, Model};
use crate::data::Dataset;
use crate::nn::Network;
use crate::spec::Spec;
use crate::train::divided;
use std::sync::Arc;

/// Most networks of an ensemble.
const MOST_NETWORKS: usize = 1000;

/// Why models cannot vote together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    #[error("an ensemble needs at least one network")]
    Nobody,
    #[error("{found} networks are too many for an ensemble: at most {MOST_NETWORKS}")]
    Crowd { found: usize },
    #[error(
        "model {number} answers another question than the first one (its {what} differs): networks \
         that vote look at the same images and know the same classes"
    )]
    Different { number: usize, what: &'static str },
}

impl Model {
    /// Every network of the model, in order.
    pub fn networks(&self) -> impl Iterator<Item = &Network> + Clone {
        std::iter::once(&self.network).chain(self.others.iter().map(|member| &member.network))
    }

    /// The recipe of every network, in order.
    fn specs(&self) -> impl Iterator<Item = &Spec> {
        std::iter::once(&self.spec).chain(self.others.iter().map(|member| &member.spec))
    }

    /// The layers of its networks, each kind once, in order.
    #[must_use]
    pub fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        for layers in self.specs().map(|spec| spec.layers.as_str()) {
            if !kinds.contains(&layers) {
                kinds.push(layers);
            }
        }
        kinds
    }

    /// The images as they were divided for training: what one of the networks learned from
    /// validates nothing.
    #[must_use]
    pub fn divided(&self, data: Arc<Dataset>) -> Arc<Dataset> {
        match self.specs().find(|spec| spec.all_images) {
            Some(spec) => divided(spec, data),
            None => data,
        }
    }

    /// The networks of all models as one model; what is an ensemble already brings all of its own.
    /// Its completed epochs are the first one's.
    ///
    /// # Errors
    /// Where there are none or too many, or they differ in image size, classes or readout.
    pub fn join(models: impl IntoIterator<Item = Self>) -> Result<Self, JoinError> {
        let mut models = models.into_iter();
        let mut whole = models.next().ok_or(JoinError::Nobody)?;
        for (number, model) in (2..).zip(models) {
            whole.check_joins(&model, number)?;
            let first = Member { spec: model.spec, network: model.network };
            whole.others.push(first);
            whole.others.extend(model.others);
        }
        let found = 1 + whole.others.len();
        if found > MOST_NETWORKS { Err(JoinError::Crowd { found }) } else { Ok(whole) }
    }

    fn check_joins(&self, other: &Self, number: usize) -> Result<(), JoinError> {
        let different = |what| Err(JoinError::Different { number, what });
        if self.image != other.image {
            return different("image size");
        }
        if self.classes != other.classes {
            return different("list of classes");
        }
        if self.spec.readout != other.spec.readout {
            return different("readout");
        }
        if self.spec.test_time_shifts != other.spec.test_time_shifts {
            return different("`test-time-shifts`");
        }
        Ok(())
    }
}
