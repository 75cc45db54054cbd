//! The write-ahead log: newer versions of pages, valid up to the last commit.

use std::collections::HashMap;

/// Length of the log's header in bytes.
const HEADER: usize = 32;
/// Length of the header of a frame in bytes; a page follows.
const FRAME: usize = 24;

/// The newest committed version of each page in a log; empty if the log is invalid.
pub fn pages(log: &[u8], page_size: usize) -> HashMap<u32, Vec<u8>> {
    let mut committed = HashMap::new();
    let Some(header) = log.get(..HEADER) else { return committed };
    let four = |bytes: &[u8], at: usize| {
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let magic = four(header, 0);
    if magic & !1 != 0x377f_0682 || four(header, 8) as usize != page_size {
        return committed;
    }
    let big_endian = magic & 1 == 1;
    let mut sums = checksum((0, 0), &header[..24], big_endian);
    if sums != (four(header, 24), four(header, 28)) {
        return committed;
    }
    let mut pending: Vec<(u32, &[u8])> = Vec::new();
    for frame in log[HEADER..].chunks_exact(FRAME + page_size) {
        let (head, page) = frame.split_at(FRAME);
        sums = checksum(checksum(sums, &head[..8], big_endian), page, big_endian);
        // Frames left from before the last checkpoint have other salts.
        if head[8..16] != header[16..24] || sums != (four(head, 16), four(head, 20)) {
            break;
        }
        pending.push((four(head, 0), page));
        if four(head, 4) != 0 {
            for (number, page) in pending.drain(..) {
                committed.insert(number, page.to_vec());
            }
        }
    }
    committed
}

fn checksum(start: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let word = |at: &[u8]| {
        let bytes = [at[0], at[1], at[2], at[3]];
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    bytes.chunks_exact(8).fold(start, |(first, second), pair| {
        let first = first.wrapping_add(word(&pair[..4])).wrapping_add(second);
        let second = second.wrapping_add(word(&pair[4..])).wrapping_add(first);
        (first, second)
    })
}
