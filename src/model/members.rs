//! The networks of a model: one, or the members of an ensemble.

use crate::nn::Network;
use crate::spec::Spec;

/// A network and the spec it was trained with.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub spec: Spec,
    pub network: Network,
}

/// A non-empty list of members. All have the same inputs, outputs and readout.
#[derive(Clone, Debug, PartialEq)]
pub struct Members {
    first: Member,
    others: Vec<Member>,
}

impl Members {
    /// A single network.
    #[must_use]
    pub fn one(spec: Spec, network: Network) -> Self {
        Self { first: Member { spec, network }, others: Vec::new() }
    }

    /// `first` and the members after it.
    #[must_use]
    pub fn new(first: Member, others: Vec<Member>) -> Self {
        Self { first, others }
    }

    /// The first member.
    #[must_use]
    pub fn first(&self) -> &Member {
        &self.first
    }

    /// The first member.
    pub fn first_mut(&mut self) -> &mut Member {
        &mut self.first
    }

    /// Appends a member.
    pub fn push(&mut self, member: Member) {
        self.others.push(member);
    }

    /// Appends all members of another model.
    pub fn append(&mut self, members: Self) {
        self.others.push(members.first);
        self.others.extend(members.others);
    }

    /// Number of members, at least 1.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether there are several members, which vote.
    #[must_use]
    pub fn is_ensemble(&self) -> bool {
        !self.others.is_empty()
    }

    /// All members in order.
    pub fn iter(&self) -> impl Iterator<Item = &Member> + Clone {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// All members in order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Member> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }
}
