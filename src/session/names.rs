//! Names of runs: short, pronounceable, easy to distinguish.

use std::hash::{BuildHasher, Hasher, RandomState};

const ADJECTIVES: [&str; 48] = [
    "amber", "bold", "brave", "brisk", "bright", "calm", "clever", "cosmic", "crisp", "dapper",
    "eager", "early", "fair", "fleet", "gentle", "glad", "golden", "happy", "hardy", "humble",
    "icy", "jolly", "keen", "kind", "lively", "lucky", "lunar", "merry", "mild", "misty", "neat",
    "noble", "novel", "polar", "proud", "quick", "quiet", "rapid", "ready", "shiny", "silver",
    "smart", "solar", "steady", "sunny", "swift", "vivid", "witty",
];
const NOUNS: [&str; 48] = [
    "badger", "beaver", "bison", "cedar", "comet", "coral", "crane", "delta", "eagle", "ember",
    "falcon", "fern", "finch", "gecko", "glacier", "harbor", "hawk", "heron", "ibis", "iris",
    "jaguar", "lark", "lemur", "lotus", "lynx", "maple", "marmot", "meadow", "nova", "ocelot",
    "orchid", "osprey", "otter", "owl", "panda", "pebble", "pine", "quail", "raven", "reef",
    "robin", "sparrow", "spruce", "tiger", "tulip", "walrus", "willow", "wren",
];
/// Maximum length of a name that a user chooses: the path of the socket contains it.
const MAX_LENGTH: usize = 40;

/// A random name such as `calm-heron`; after several collisions a number is appended.
pub(super) fn draw(tries: u32) -> String {
    let random = random();
    let pick = |words: &[&'static str; 48], at: u64| words[(at % 48) as usize];
    let name = format!("{}-{}", pick(&ADJECTIVES, random), pick(&NOUNS, random / 48));
    if tries < 8 { name } else { format!("{name}-{}", random / (48 * 48) % 10_000) }
}

/// Eight random hexadecimal digits that distinguish runs with the same name.
pub(super) fn id() -> String {
    format!("{:08x}", random() as u32)
}

/// Whether a text has the format of an id.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Whether a user may choose this name, which becomes a directory and is typed in shells.
pub(super) fn is_valid(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && characters.all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && name.len() <= MAX_LENGTH
}

/// Random bits: the keys of the standard library's hasher, which come from the system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_names_are_valid_and_differ() {
        let drawn: std::collections::BTreeSet<String> = (0..50).map(|_| draw(0)).collect();
        assert!(drawn.len() > 25, "{drawn:?}");
        assert!(drawn.iter().all(|name| is_valid(name)));
        assert!(is_valid(&draw(9)));
        assert_eq!(id().len(), 8);
        for bad in ["", "-x", "../x", "a/b", "a b", ".hidden", "ä", &"x".repeat(41)] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
