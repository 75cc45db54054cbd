//! The reader of folders of pictures never panics, and reads the same from its cache.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::data::{Dataset, OpenOptions};
use std::fs;

/// The bytes are cut into four pictures of two classes.
fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let size = bytes.len().div_ceil(4).max(1);
    for (at, picture) in bytes.chunks(size).enumerate() {
        let class = dir.path().join("set").join(if at % 2 == 0 { "a" } else { "b" });
        fs::create_dir_all(&class).expect("room for it");
        fs::write(class.join(format!("{at}.png")), picture).expect("room for it");
    }
    let cache = Some(dir.path().join("cache"));
    let options = OpenOptions { cache, ..OpenOptions::default() };
    let open = || Dataset::open(&dir.path().join("set"), &options).ok();
    let first = open();
    assert_eq!(open(), first);
});
