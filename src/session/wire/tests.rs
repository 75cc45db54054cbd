use super::*;
use crate::protocol::{
    Command, EpochStats, Event, Frame, LogLine, Pace, Probe, ProbeQuery, RunView, StepAmount, Tune,
    Update,
};
use crate::protocol::{Content, LogLevel, Tensor};
use proptest::prelude::*;

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_frame(&mut bytes, payload, MAX_UPDATE).unwrap();
    bytes
}

/// A reader that returns a few bytes at a time, as a socket may.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(buffer.len()).min(self.0.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn probe() -> impl Strategy<Value = Probe> {
    prop_oneof![
        (any::<u32>(), any::<u32>(), any::<u32>())
            .prop_map(|(layer, first, count)| ProbeQuery::Weights { layer, first, count }),
        (any::<u32>(), any::<u32>())
            .prop_map(|(layer, bins)| ProbeQuery::Histogram { layer, bins }),
        any::<u32>().prop_map(|index| ProbeQuery::Digit { index }),
        Just(ProbeQuery::Confusion),
    ]
    .prop_map(Probe::live)
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(Command::Pause),
        Just(Command::Resume),
        any::<u32>().prop_map(|count| Command::Step(StepAmount::Epochs(count))),
        (0.0..10.0_f64).prop_map(|rate| Command::Pace(Pace::BatchesPerSecond(rate))),
        (0.0..10.0_f64).prop_map(|rate| Command::Set(Tune::LearningRate(rate))),
        proptest::collection::vec(probe(), 0..5).prop_map(Command::Watch),
        (any::<u64>(), proptest::collection::vec(any::<u8>(), 0..800))
            .prop_map(|(id, pixels)| Command::Classify { id, pixels }),
    ]
}

fn update() -> impl Strategy<Value = Update> {
    let epoch = (any::<u32>(), proptest::option::of(0.0..1.0_f64)).prop_map(|(epoch, accuracy)| {
        EpochStats { epoch, test_accuracy: accuracy, ..EpochStats::default() }
    });
    let frame = (probe(), proptest::collection::vec(any::<f32>(), 0..50)).prop_map(|(probe, v)| {
        let layers = vec![Tensor { shape: [1, 1, v.len() as u32], values: finite(v) }];
        Frame { probe, epoch: 1, batch: 2, content: Content::Activations { layers } }
    });
    prop_oneof![
        epoch.clone().prop_map(|stats| Update::Event(Event::EpochEnded(stats))),
        frame.prop_map(|frame| Update::Event(Event::Frame(Box::new(frame)))),
        ".*".prop_map(|text| Update::Event(Event::Log(LogLine { level: LogLevel::Info, text }))),
        proptest::collection::vec(epoch, 0..9).prop_map(|epochs| {
            let mut view = RunView::default();
            for stats in epochs {
                view.apply(&Event::EpochEnded(stats));
            }
            Update::Snapshot(Box::new(view))
        }),
    ]
}

fn finite(values: Vec<f32>) -> Vec<f32> {
    values.into_iter().map(|v| if v.is_finite() { v } else { 0.0 }).collect()
}

proptest! {
    #[test]
    fn frames_are_read_in_chunks_of_any_size(
        payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..99), 0..9),
        piece in 1_usize..9,
    ) {
        let bytes: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
        let mut input = Dribble(&bytes, piece);
        let mut payload = Vec::new();
        for expected in &payloads {
            prop_assert!(read_frame(&mut input, 99, &mut payload).unwrap());
            prop_assert_eq!(&payload, expected);
        }
        prop_assert!(!read_frame(&mut input, 99, &mut payload).unwrap());
    }

    #[test]
    fn messages_round_trip(command in command(), update in update()) {
        prop_assert_eq!(decode::<Command>(&encode(&command).unwrap()).unwrap(), command);
        prop_assert_eq!(decode::<Update>(&encode(&update).unwrap()).unwrap(), update);
    }

    #[test]
    fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = decode::<Command>(&bytes);
        let _ = decode::<Update>(&bytes);
        let _ = read_hello::<ClientHello>(&mut &bytes[..]);
        let _ = read_frame(&mut &bytes[..], MAX_COMMAND, &mut Vec::new());
    }

    #[test]
    fn a_truncated_or_corrupted_message_never_panics(
        update in update(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = encode(&update).unwrap();
        let at = at.index(bytes.len());
        prop_assert!(decode::<Update>(&bytes[..at]).is_err());
        bytes[at] = byte;
        let _ = decode::<Update>(&bytes);
        bytes.push(0);
        prop_assert!(decode::<Command>(&[encode(&Command::Pause).unwrap(), bytes].concat()).is_err());
    }
}

#[test]
fn four_gibibytes_are_refused_before_anything_is_allocated() {
    let mut payload = Vec::new();
    let error = read_frame(&mut &u32::MAX.to_le_bytes()[..], MAX_UPDATE, &mut payload);
    assert!(matches!(error, Err(WireError::TooLong { length: 0xffff_ffff, .. })));
    assert_eq!(payload.capacity(), 0);
    // A valid length without any payload allocates nothing either.
    let error = read_frame(&mut &MAX_UPDATE.to_le_bytes()[..], MAX_UPDATE, &mut payload);
    assert!(matches!(error, Err(WireError::Torn { found: 0, .. })));
    assert!(payload.capacity() < 1 << 16, "{}", payload.capacity());
}

#[test]
fn a_truncated_frame_is_an_error() {
    let bytes = frame(b"whole");
    for cut in 1..bytes.len() {
        let error = read_frame(&mut &bytes[..cut], 99, &mut Vec::new()).unwrap_err();
        assert!(matches!(error, WireError::Torn { .. }), "{cut}: {error}");
    }
}

/// A connection that is reset after its last byte.
struct Reset<'a>(&'a [u8]);

impl Read for Reset<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            count => Ok(count),
        }
    }
}

#[test]
fn a_reset_counts_as_the_end_of_the_stream() {
    let bytes = frame(b"whole");
    let mut payload = Vec::new();
    let mut input = Reset(&bytes);
    assert!(read_frame(&mut input, 99, &mut payload).unwrap());
    assert!(!read_frame(&mut input, 99, &mut payload).unwrap());
    for cut in 1..bytes.len() {
        let [reset, ended] = [
            read_frame(&mut Reset(&bytes[..cut]), 99, &mut payload).unwrap_err().to_string(),
            read_frame(&mut &bytes[..cut], 99, &mut payload).unwrap_err().to_string(),
        ];
        assert_eq!(reset, ended);
    }
}

#[test]
fn a_huge_list_length_is_an_error() {
    // `Watch` with 2^63 probes, none of which follows.
    let mut bytes = encode(&Command::Watch(Vec::new())).unwrap();
    bytes.pop();
    bytes.extend([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    assert!(decode::<Command>(&bytes).is_err());
}

#[test]
fn a_hello_of_another_version_is_parsed() {
    let newer = br#"{"nntop":"9.0.0","protocol":77,"attachment":"control","colour":"red"}"#;
    let hello: ClientHello = read_hello(&mut &frame(newer)[..]).unwrap();
    assert_eq!((hello.protocol, hello.attachment), (77, Attachment::Control));
    let refused = SessionHello::new(3, Some("no".into()));
    let mut bytes = Vec::new();
    write_hello(&mut bytes, &refused).unwrap();
    assert_eq!(read_hello::<SessionHello>(&mut &bytes[..]).unwrap(), refused);
}

/// The encoding of these commands has not changed since protocol 1. If this fails, raise
/// [`PROTOCOL_VERSION`].
#[test]
fn the_encoding_of_the_first_commands_is_stable() {
    let golden: [(Command, &[u8]); 6] = [
        (Command::Pause, &[0]),
        (Command::Resume, &[1]),
        (Command::Step(StepAmount::Epochs(1)), &[2, 1, 1]),
        (Command::Stop, &[3]),
        (Command::Save, &[4]),
        (Command::Watch(Vec::new()), &[7, 0]),
    ];
    for (command, bytes) in golden {
        assert_eq!(encode(&command).unwrap(), bytes, "{command:?}");
    }
}
