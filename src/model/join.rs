//! Combines models into an ensemble.

use super::Model;

/// The largest number of networks of an ensemble.
pub(super) const MAX_NETWORKS: usize = 1000;

/// Why models cannot be combined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    #[error("an ensemble needs at least one network")]
    Empty,
    #[error("{found} networks are too many for an ensemble: at most {MAX_NETWORKS}")]
    TooMany { found: usize },
    #[error(
        "model {number} cannot be combined with the first one (its {what} differs): all \
         networks of an ensemble must take the same images and predict the same classes"
    )]
    Incompatible { number: usize, what: &'static str },
}

/// See [`Model::join`].
pub(super) fn join(models: impl IntoIterator<Item = Model>) -> Result<Model, JoinError> {
    let mut models = models.into_iter();
    let mut whole = models.next().ok_or(JoinError::Empty)?;
    for (number, model) in (2..).zip(models) {
        check(&whole, &model, number)?;
        whole.members.append(model.members);
    }
    let found = whole.members.count();
    if found > MAX_NETWORKS { Err(JoinError::TooMany { found }) } else { Ok(whole) }
}

/// Checks that model number `number` can be combined with the first one.
fn check(first: &Model, model: &Model, number: usize) -> Result<(), JoinError> {
    let different = |what| Err(JoinError::Incompatible { number, what });
    if (first.image, first.channels) != (model.image, model.channels) {
        return different("image size");
    }
    if first.classes != model.classes {
        return different("list of classes");
    }
    if first.spec().readout != model.spec().readout {
        return different("readout");
    }
    if first.spec().test_time_shifts != model.spec().test_time_shifts {
        return different("`test-time-shifts`");
    }
    Ok(())
}
