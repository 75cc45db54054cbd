//! Things that views draw with.
