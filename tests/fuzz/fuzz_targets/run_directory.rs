//! Reading the record and the events of a run never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::session::{RunRecord, RunDir, replay, summarize};
use std::fs;
use std::sync::OnceLock;

fn run() -> &'static RunDir {
    static RUN: OnceLock<RunDir> = OnceLock::new();
    RUN.get_or_init(|| RunDir::at(tempfile::tempdir().expect("a temporary directory").keep()))
}

/// The bytes before the first zero byte are the record, those after it the events.
fuzz_target!(|bytes: &[u8]| {
    let run = run();
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    fs::write(run.spec(), parts.next().unwrap_or_default()).expect("room for it");
    fs::write(run.events(), parts.next().unwrap_or_default()).expect("room for it");
    if let Ok(record) = RunRecord::read(run) {
        record.write(run).expect("what was read can be written");
        assert_eq!(RunRecord::read(run).expect("what was written can be read").id, record.id);
    }
    let _ = replay(run);
    let _ = summarize(run);
});
