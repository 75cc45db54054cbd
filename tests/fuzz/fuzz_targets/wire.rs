//! The decoder of a session's socket never panics, and a decoded message can be encoded and decoded
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nntop::protocol::{Command, Update};
use nntop::session::wire::{
    ClientHello, MAX_COMMAND, SessionHello, decode, encode, read_frame, read_hello,
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = bytes;
    let mut payload = Vec::new();
    while let Ok(true) = read_frame(&mut input, MAX_COMMAND, &mut payload) {
        assert!(payload.capacity() <= 2 * bytes.len() + 1024);
        if let Ok(command) = decode::<Command>(&payload) {
            encode(&command).expect("what was decoded can be encoded");
        }
        if let Ok(update) = decode::<Update>(&payload) {
            let again = encode(&update).expect("what was decoded can be encoded");
            decode::<Update>(&again).expect("what was encoded can be decoded");
        }
    }
    let _ = read_hello::<ClientHello>(&mut &bytes[..]);
    let _ = read_hello::<SessionHello>(&mut &bytes[..]);
});
